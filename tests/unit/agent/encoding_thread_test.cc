#include "agent/encoding_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <semaphore>
#include <thread>

namespace yardmaster::agent {
namespace {

/// Gives the length of a text; waits at a gate, so that tests know what waits behind.
class GatedEncoder final : public env::Encoder {
 public:
  std::string_view name() const override { return "gated"; }
  std::uint32_t version() const override { return 1; }
  std::size_t dimension() const override { return 1; }
  bool is_slow() const override { return true; }
  void encode(const env::Query& query, std::span<float> out) const override {
    const env::Query* const one = &query;
    encode_all(std::span(&one, 1), out);
  }
  void encode_all(std::span<const env::Query* const> queries, std::span<float> out) const override {
    entered_.release();
    gate_.acquire();
    calls_.fetch_add(1);
    for (std::size_t i = 0; i < queries.size(); ++i) {
      out[i] = static_cast<float>(queries[i]->text.size());
    }
  }

  void wait_until_entered() const { entered_.acquire(); }
  void open(std::ptrdiff_t times = 1'000) const { gate_.release(times); }
  int calls() const { return calls_.load(); }

 private:
  mutable std::counting_semaphore<1'000'000> entered_{0};
  mutable std::counting_semaphore<1'000'000> gate_{0};
  mutable std::atomic<int> calls_ = 0;
};

using Answer = std::future<Result<EncodingThread::Features>>;

Answer ask(EncodingThread& thread, const std::string& text) {
  auto promise = std::make_shared<std::promise<Result<EncodingThread::Features>>>();
  thread.encode(env::query_from_text(text), [promise](Result<EncodingThread::Features> result) {
    promise->set_value(std::move(result));
  });
  return promise->get_future();
}

TEST(EncodingThreads, GiveEachQueryItsOwnFeatures) {
  GatedEncoder encoder;
  encoder.open();
  EncodingThread thread(encoder, {});
  Answer first = ask(thread, "one"), second = ask(thread, "three");
  EXPECT_EQ(first.get().value(), EncodingThread::Features{3});
  EXPECT_EQ(second.get().value(), EncodingThread::Features{5});
}

TEST(EncodingThreads, EncodeTogetherWhatWaits) {
  GatedEncoder encoder;
  EncodingThread thread(encoder, {.patience = std::chrono::hours(1)});
  Answer first = ask(thread, "first");
  encoder.wait_until_entered();
  std::vector<Answer> waiting;
  for (int i = 0; i < 10; ++i)
    waiting.push_back(ask(thread, std::string(10, 'x') + std::to_string(i)));
  encoder.open();
  EXPECT_TRUE(first.get());
  for (Answer& each : waiting) EXPECT_EQ(each.get().value(), EncodingThread::Features{11});
  EXPECT_EQ(encoder.calls(), 2);
}

TEST(EncodingThreads, RefuseAQueryWhenTooManyWait) {
  GatedEncoder encoder;
  EncodingThread thread(encoder, {.queue = 1, .patience = std::chrono::hours(1)});
  Answer first = ask(thread, "first");
  encoder.wait_until_entered();
  Answer second = ask(thread, "second"), third = ask(thread, "third");
  EXPECT_EQ(third.get().error().code, ErrorCode::unavailable);
  encoder.open();
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
}

TEST(EncodingThreads, GiveUpAQueryThatWaitedTooLong) {
  GatedEncoder encoder;
  EncodingThread thread(encoder, {.patience = std::chrono::milliseconds(-1)});
  EXPECT_EQ(ask(thread, "late").get().error().code, ErrorCode::timed_out);
  EXPECT_EQ(encoder.calls(), 0);
}

TEST(EncodingThreads, KeepTheFeaturesOfTheLatestQueries) {
  GatedEncoder encoder;
  encoder.open();
  EncodingThread thread(encoder, {.cached = 2});
  for (const std::string text : {"a", "bb"}) EXPECT_TRUE(ask(thread, text).get());
  EXPECT_EQ(thread.cached(env::query_from_text("a")), EncodingThread::Features{1});
  EXPECT_TRUE(ask(thread, "ccc").get());
  EXPECT_TRUE(thread.cached(env::query_from_text("a")));
  EXPECT_FALSE(thread.cached(env::query_from_text("bb")));
}

TEST(EncodingThreads, TellQueriesOfOneTextApartByWhatElseTheyAsk) {
  GatedEncoder encoder;
  encoder.open();
  EncodingThread thread(encoder, {});
  EXPECT_TRUE(ask(thread, "a").get());
  env::Query with_tools = env::query_from_text("a");
  with_tools.has_tools = true;
  EXPECT_FALSE(thread.cached(with_tools));
}

TEST(EncodingThreads, AnswerWhatWaitsWhenTheyStop) {
  GatedEncoder encoder;
  EncodingThread thread(encoder, {.queue = 100'000'000, .patience = std::chrono::hours(1)});
  Answer first = ask(thread, "first");
  encoder.wait_until_entered();
  Answer second = ask(thread, "second");
  std::thread stopper([&] { thread.stop(); });
  // stop() waits for the batch at hand; a refusal shows that it has begun.
  while (ask(thread, "probe").wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
  }
  encoder.open();
  stopper.join();
  EXPECT_TRUE(first.get());
  EXPECT_EQ(second.get().error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace yardmaster::agent
