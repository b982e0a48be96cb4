#include "agent/access_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/json_text.h"
#include "base/this_thread.h"

namespace yardmaster::agent {
namespace {

class LineWriter {
 public:
  void text(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    begin(name);
    append_string(value, line_);
  }
  /// A number that is text already.
  void digits(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    begin(name);
    line_ += value;
  }
  void whole(std::string_view name, std::optional<std::uint64_t> value) {
    if (value) digits(name, std::to_string(*value));
  }
  void number(std::string_view name, std::optional<double> value) {
    if (!value) return;
    begin(name);
    append_number(*value, line_);
  }
  std::string finish() && { return std::move(line_ += "}\n"); }

 private:
  void begin(std::string_view name) {
    line_.append(line_.empty() ? "{\"" : ",\"").append(name).append("\":");
  }

  std::string line_;
};

/// False: the descriptor takes no more.
bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = ::write(descriptor, bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

}  // namespace

std::string access_line(const AccessEntry& entry) {
  LineWriter line;
  line.text("time", format_rfc3339(entry.time));
  line.text("method", entry.method);
  line.text("route", entry.route);
  line.whole("status", entry.status);
  line.whole("total_us", static_cast<std::uint64_t>(std::llround(entry.total_us)));
  line.digits("own_us", entry.own_us);
  line.text("key", entry.key);
  line.text("model", entry.model);
  line.text("decision_id", entry.decision_id);
  line.text("hedge", entry.hedge);
  line.digits("attempts", entry.attempts);
  line.whole("input_tokens", entry.input_tokens);
  line.whole("output_tokens", entry.output_tokens);
  line.number("cost_usd", entry.cost_usd);
  line.text("stream", entry.stream);
  return std::move(line).finish();
}

Result<std::unique_ptr<AccessLog>> AccessLog::open(const std::string& path) {
  if (path == "stderr") return std::make_unique<AccessLog>(STDERR_FILENO, false);
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return fail(ErrorCode::io, "logging.access_log '" + path +
                                   "' cannot be opened: " + std::strerror(errno) +
                                   "; check the path and its permissions, or leave it out");
  }
  return std::make_unique<AccessLog>(descriptor, true);
}

AccessLog::AccessLog(int descriptor, bool owned)
    : descriptor_(descriptor), owned_(owned), thread_([this] { run(); }) {}

AccessLog::~AccessLog() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  arrived_.notify_one();
  thread_.join();
  if (owned_) ::close(descriptor_);
}

void AccessLog::write(std::string_view line) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() + line.size() > kMostWaitingBytes) {
      ++dropped_;
      return;
    }
    waiting_ += line;
    ++waiting_lines_;
  }
  arrived_.notify_one();
}

std::uint64_t AccessLog::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

void AccessLog::run() {
  name_this_thread("access-log");
  std::string lines;
  std::unique_lock lock(mutex_);
  while (true) {
    arrived_.wait(lock, [this] { return ended_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    lines.clear();
    lines.swap(waiting_);
    const std::uint64_t count = std::exchange(waiting_lines_, 0);
    lock.unlock();
    const bool written = write_all(descriptor_, lines);
    lock.lock();
    if (!written) dropped_ += count;
  }
}

}  // namespace yardmaster::agent
