#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/result.h"
#include "base/time.h"

namespace yardmaster::agent {

/// What the access log says of one request: nothing that a client wrote but the name of a model.
struct AccessEntry {
  Timestamp time;           ///< when the request was there
  std::string_view method;  ///< "other" where it is none that the daemon knows
  std::string_view route;   ///< as in the documents, without ids; "unknown" where there is none
  unsigned status = 0;
  double total_us = 0;  ///< until the answer was ready; of a stream, until its end was sent
  std::string key;      ///< its name; empty: none
  std::string model;    ///< that answered or was chosen, as below; empty: none
  std::string decision_id;
  std::string own_us;    ///< our own time, upstream excluded, as the answer's header tells it
  std::string attempts;  ///< calls of upstreams, the same
  std::string hedge;     ///< of one that was hedged, whether that won, the same
  std::optional<std::uint64_t> input_tokens;
  std::optional<std::uint64_t> output_tokens;
  std::optional<double> cost_usd;
  std::string_view stream;  ///< "complete", "broken" or "left" by the client; empty: no stream
};

/// The entry as one JSON object and a line break; what is not known is left out.
std::string access_line(const AccessEntry& entry);

/// A file of lines. Whoever writes never waits for the disk: a thread does that, and where it falls
/// behind lines are dropped and counted. Any thread.
class AccessLog {
 public:
  static constexpr std::size_t kMostWaitingBytes = 4u << 20;

  /// Appends to the file of that path, made for its owner alone if missing, or to standard error
  /// for "stderr". Fails with io.
  static Result<std::unique_ptr<AccessLog>> open(const std::string& path);

  /// Takes the descriptor over; `owned` ones are closed at the end.
  AccessLog(int descriptor, bool owned);
  ~AccessLog();  ///< writes what waits
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  void write(std::string_view line);
  std::uint64_t dropped() const;  ///< lines

 private:
  void run();

  const int descriptor_;
  const bool owned_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::string waiting_;
  std::uint64_t waiting_lines_ = 0;
  std::uint64_t dropped_ = 0;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace yardmaster::agent
