#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "env/encoder.h"

namespace yardmaster::agent {

/// Bounds of an EncodingThread.
struct EncodingOptions {
  std::size_t batch = 16;                   ///< queries encoded at once
  std::size_t queue = 256;                  ///< queries that may wait; more are refused
  std::chrono::milliseconds patience{500};  ///< a query that waited longer is not encoded any more
  std::size_t cached = 10'000;              ///< queries whose features are kept, the latest used
};

/// Encodes queries with a slow encoder, so that the io threads need not: what waits is encoded
/// together, on one thread, and the features of the latest queries are kept.
class EncodingThread {
 public:
  using Features = std::vector<float>;
  using Done = std::function<void(Result<Features>)>;

  /// `encoder` outlives this.
  EncodingThread(const env::Encoder& encoder, EncodingOptions options);

  /// As stop().
  ~EncodingThread();

  EncodingThread(const EncodingThread&) = delete;
  EncodingThread& operator=(const EncodingThread&) = delete;

  // Any thread.

  const env::Encoder& encoder() const { return encoder_; }

  /// The features of a query that was encoded lately.
  std::optional<Features> cached(const env::Query& query);

  /// Calls `done` once, on the encoding thread, or, where it is refused, before this returns. It
  /// gets unavailable where too many wait or the thread stopped, timed_out where it waited too
  /// long.
  void encode(env::Query query, Done done);

  /// Ends the thread after the batch at hand; what waits gets unavailable. Safe to repeat.
  void stop();

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  struct Waiting {
    env::Query query;
    Done done;
    SteadyTime since;
  };
  struct Kept {
    std::string key;
    Features features;
  };

  void run();
  std::deque<Waiting> take();
  void encode_all(std::deque<Waiting> batch);
  void keep(const env::Query& query, const Features& features);

  const env::Encoder& encoder_;
  const EncodingOptions options_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Waiting> waiting_;                             // guarded by mutex_
  std::list<Kept> kept_;                                    // the latest used first
  std::map<std::string, std::list<Kept>::iterator> index_;  // guarded by mutex_, as kept_
  bool stopping_ = false;                                   // guarded by mutex_
  std::thread thread_;
};

}  // namespace yardmaster::agent
