#include "env/simulated_stream.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace yardmaster::env {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

constexpr double kFirstTokenPart = 0.2;  // of the latency
constexpr std::size_t kPieceBytes = 48;

class SimulatedStream final : public AnswerStream {
 public:
  SimulatedStream(SimulatedAnswer answer, bool with_usage, double time_scale,
                  asio::any_io_executor executor)
      : answer_(std::move(answer)),
        with_usage_(with_usage),
        time_scale_(time_scale),
        start_(std::chrono::steady_clock::now()),
        timer_(std::move(executor)) {}

  asio::awaitable<Result<std::string_view>> read() override {
    bytes_.clear();
    if (time_scale_ > 0) {
      timer_.expires_at(std::min(time_of(sent_), deadline_));
      co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
      if (cancelled_) co_return fail(ErrorCode::io, "the call was given up");
      if (!ended() && time_of(sent_) > deadline_) {
        co_return fail(ErrorCode::timed_out, "the deadline passed");
      }
    }
    do {
      write_next();
    } while (!ended_ && time_scale_ <= 0);
    co_return std::string_view(bytes_);
  }

  bool ended() const override { return ended_; }

  void cancel() override {
    cancelled_ = true;
    timer_.cancel();
  }

  void end_by(std::chrono::steady_clock::time_point deadline) override { deadline_ = deadline; }

  std::optional<Latency> stated_latency() const override {
    const double total_s = answer_.outcome.latency_s;
    return Latency{total_s * kFirstTokenPart, total_s};
  }

 private:
  /// When the piece that begins at that byte of the text comes.
  std::chrono::steady_clock::time_point time_of(std::size_t byte) const {
    const double size = std::max<double>(1, static_cast<double>(answer_.text.size()));
    const double part = kFirstTokenPart + (1 - kFirstTokenPart) * static_cast<double>(byte) / size;
    return start_ +
           std::chrono::duration_cast<std::chrono::steady_clock::duration>(
               std::chrono::duration<double>(answer_.outcome.latency_s * part * time_scale_));
  }

  void write_next() {
    if (ended_) return;
    if (!begun_) {
      begun_ = true;
      write_delta({{"role", "assistant"}, {"content", ""}}, nullptr);
    }
    if (sent_ < answer_.text.size()) {
      const std::string_view piece = std::string_view(answer_.text).substr(sent_, kPieceBytes);
      sent_ += piece.size();
      write_delta({{"content", piece}}, nullptr);
      return;
    }
    write_delta({}, answer_.cut ? "length" : "stop");
    if (with_usage_) write_usage();
    bytes_ += "data: [DONE]\n\n";
    ended_ = true;
  }

  void write_delta(json::object delta, const char* finish_reason) {
    json::object choice{{"index", 0}, {"delta", std::move(delta)}, {"finish_reason", nullptr}};
    if (finish_reason != nullptr) choice["finish_reason"] = finish_reason;
    json::array choices;
    choices.push_back(std::move(choice));
    write_chunk(std::move(choices), nullptr);
  }

  void write_usage() {
    const SimulatedOutcome& outcome = answer_.outcome;
    write_chunk({}, json::object{{"prompt_tokens", outcome.input_tokens},
                                 {"completion_tokens", outcome.output_tokens},
                                 {"total_tokens", outcome.input_tokens + outcome.output_tokens}});
  }

  void write_chunk(json::array choices, json::value usage) {
    const auto since_1970 =
        std::chrono::duration_cast<std::chrono::seconds>(answer_.time.time_since_epoch());
    json::object chunk{{"id", answer_.id},
                       {"object", "chat.completion.chunk"},
                       {"created", since_1970.count()},
                       {"model", answer_.model},
                       {"choices", std::move(choices)}};
    if (with_usage_) chunk["usage"] = std::move(usage);
    bytes_ += "data: ";
    bytes_ += json::serialize(chunk);
    bytes_ += "\n\n";
  }

  SimulatedAnswer answer_;
  bool with_usage_;
  double time_scale_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
  asio::steady_timer timer_;
  std::string bytes_;
  std::size_t sent_ = 0;  // bytes of the text
  bool begun_ = false;
  bool ended_ = false;
  bool cancelled_ = false;
};

}  // namespace

std::unique_ptr<AnswerStream> make_simulated_stream(SimulatedAnswer answer, bool with_usage,
                                                    double time_scale,
                                                    asio::any_io_executor executor) {
  return std::make_unique<SimulatedStream>(std::move(answer), with_usage, time_scale,
                                           std::move(executor));
}

}  // namespace yardmaster::env
