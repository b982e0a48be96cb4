#include "agent/encoding_thread.h"

#include <algorithm>
#include <utility>

#include "base/this_thread.h"
#include "env/sha256.h"

namespace yardmaster::agent {
namespace {

/// Of all that an encoder may look at.
std::string key_of(const env::Query& query) {
  std::string text = query.text;
  for (const std::uint64_t fact :
       {std::uint64_t{query.turns}, query.prompt_bytes, std::uint64_t{query.has_tools},
        std::uint64_t{query.has_images}, std::uint64_t{query.has_code},
        std::uint64_t{query.wants_json}}) {
    text += '\0' + std::to_string(fact);
  }
  return env::sha256_hex(text);
}

}  // namespace

EncodingThread::EncodingThread(const env::Encoder& encoder, EncodingOptions options)
    : encoder_(encoder), options_(options), thread_([this] { run(); }) {}

EncodingThread::~EncodingThread() { stop(); }

void EncodingThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  std::deque<Waiting> left;
  {
    const std::lock_guard lock(mutex_);
    left.swap(waiting_);
  }
  for (const Waiting& each : left) {
    each.done(fail(ErrorCode::unavailable, "the encoder is stopping"));
  }
}

std::optional<EncodingThread::Features> EncodingThread::cached(const env::Query& query) {
  const std::string key = key_of(query);
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(key);
  if (found == index_.end()) return std::nullopt;
  kept_.splice(kept_.begin(), kept_, found->second);
  return found->second->features;
}

void EncodingThread::encode(env::Query query, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && waiting_.size() < options_.queue) {
      waiting_.push_back({std::move(query), std::move(done), std::chrono::steady_clock::now()});
      wake_.notify_one();
      return;
    }
  }
  done(fail(ErrorCode::unavailable, "too many queries wait for the encoder"));
}

void EncodingThread::run() {
  name_this_thread("encoder");
  for (;;) {
    std::deque<Waiting> batch = take();
    if (batch.empty()) return;
    encode_all(std::move(batch));
  }
}

/// The next batch, without those that waited too long; nothing when stopping.
std::deque<EncodingThread::Waiting> EncodingThread::take() {
  std::deque<Waiting> batch, late;
  while (batch.empty()) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return {};
      const SteadyTime oldest = std::chrono::steady_clock::now() - options_.patience;
      while (!waiting_.empty() && batch.size() < options_.batch) {
        Waiting& next = waiting_.front();
        (next.since < oldest ? late : batch).push_back(std::move(next));
        waiting_.pop_front();
      }
    }
    for (const Waiting& each : late) {
      each.done(fail(ErrorCode::timed_out, "the query waited too long for the encoder"));
    }
    late.clear();
  }
  return batch;
}

void EncodingThread::encode_all(std::deque<Waiting> batch) {
  std::vector<const env::Query*> queries;
  for (const Waiting& each : batch) queries.push_back(&each.query);
  const std::size_t dimension = encoder_.dimension();
  Features features(queries.size() * dimension);
  try {
    encoder_.encode_all(queries, features);
  } catch (const std::exception& error) {
    for (const Waiting& each : batch) {
      each.done(fail(ErrorCode::unavailable, std::string("encoding failed: ") + error.what()));
    }
    return;
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto row = features.begin() + static_cast<std::ptrdiff_t>(i * dimension);
    Features own(row, row + static_cast<std::ptrdiff_t>(dimension));
    keep(batch[i].query, own);
    batch[i].done(std::move(own));
  }
}

void EncodingThread::keep(const env::Query& query, const Features& features) {
  std::string key = key_of(query);
  const std::lock_guard lock(mutex_);
  if (options_.cached == 0 || index_.contains(key)) return;
  kept_.push_front({key, features});
  index_.emplace(std::move(key), kept_.begin());
  if (kept_.size() > options_.cached) {
    index_.erase(kept_.back().key);
    kept_.pop_back();
  }
}

}  // namespace yardmaster::agent
