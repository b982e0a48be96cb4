// A load generator for HTTP/1.1 on one thread, for figures that another process on another core
// must not disturb: plain epoll, one request at a time on each connection, answers read for their
// status and length alone.
//
//   load --port P --target /v1/route --bodies FILE [--connections N] [--seconds S] [--rate R]
//        [--requests N] [--stream] [--save-field NAME --save FILE]
//
// The bodies are the lines of FILE, in turn. Closed loop: each connection sends its next request
// when it has its answer. With --rate R requests are due at fixed times, R a second over all
// connections, and latency counts from when a request was due (so one that waits for a free
// connection waits in the figure: no coordinated omission); all that are due in S seconds are sent,
// however long that takes. --stream reads chunked bodies and also times the first byte of the body.
// Prints one JSON object; times in microseconds.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/this_thread.h"

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::uint16_t port = 0;
  std::string method = "POST";
  std::string target;
  std::string bodies;
  std::size_t connections = 1;
  double seconds = 5;
  double rate = 0;             ///< requests a second; 0: closed loop
  std::uint64_t requests = 0;  ///< stops after so many; 0: by time alone
  bool stream = false;
  std::string save_field;  ///< a text field of the answers' JSON ...
  std::string save;        ///< ... of which the values are written here, one a line
};

constexpr std::chrono::seconds kPatience{10};  // with the server

double microseconds(Clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

/// What of an answer has come so far.
class AnswerReader {
 public:
  /// Takes bytes up to the answer's end; true: it is whole.
  bool take(std::string_view bytes) {
    text_.append(bytes);
    if (body_ == std::string::npos && !read_header()) return false;
    if (text_.size() > body_) has_body_ = true;
    if (chunked_) return text_.ends_with("\r\n0\r\n\r\n");
    return text_.size() >= body_ + length_;
  }

  bool has_body() const { return has_body_; }
  int status() const { return status_; }
  std::string_view body() const { return std::string_view(text_).substr(body_); }

  void reset() {
    text_.clear();
    body_ = std::string::npos;
    length_ = 0;
    chunked_ = has_body_ = false;
  }

 private:
  bool read_header() {
    const std::size_t end = text_.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    body_ = end + 4;
    const std::string_view header = std::string_view(text_).substr(0, end);
    status_ = std::atoi(header.substr(9, 3).data());
    chunked_ = header.find("chunked") != std::string_view::npos;
    std::size_t at = header.find("Content-Length: ");
    if (at == std::string_view::npos) at = header.find("content-length: ");
    if (at != std::string_view::npos) {
      length_ = static_cast<std::size_t>(std::atoll(header.substr(at + 16).data()));
    }
    return true;
  }

  std::string text_;
  std::size_t body_ = std::string::npos;
  std::size_t length_ = 0;
  int status_ = 0;
  bool chunked_ = false;
  bool has_body_ = false;
};

struct Connection {
  int socket = -1;
  bool busy = false;
  bool body_begun = false;
  Clock::time_point due;
  AnswerReader answer;
};

class Load {
 public:
  explicit Load(const Options& options) : options_(options) { read_bodies(); }

  int run() {
    if (options_.rate > 0) begin_in_time();
    epoll_ = ::epoll_create1(0);
    connections_.resize(options_.connections);
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      if (!connect(i)) return 1;
    }
    if (!options_.save.empty()) saved_.open(options_.save);
    start_ = Clock::now();
    end_ = start_ + std::chrono::duration_cast<Clock::duration>(
                        std::chrono::duration<double>(options_.seconds));
    if (options_.rate <= 0) {
      for (std::size_t i = 0; i < connections_.size(); ++i) send(i, Clock::now());
    } else {
      for (std::size_t i = 0; i < connections_.size(); ++i) idle_.push_back(i);
    }
    while (under_way_ > 0 || (options_.rate > 0 && more_to_send(due_time(sent_)))) {
      if (options_.rate > 0) send_due();
      if (!read_answers()) return 1;
    }
    print();
    return 0;
  }

 private:
  /// Requests begin when they are due, also beside busy programs.
  static void begin_in_time() {
    ::prctl(PR_SET_TIMERSLACK, 1UL);  // nanosecond
    yardmaster::ask_for_short_slices();
  }

  void read_bodies() {
    std::ifstream file(options_.bodies);
    for (std::string body; std::getline(file, body);) {
      requests_.push_back(options_.method + ' ' + options_.target +
                          " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                          "Content-Length: " +
                          std::to_string(body.size()) + "\r\n\r\n" + body);
    }
    if (requests_.empty()) {
      requests_.push_back(options_.method + ' ' + options_.target +
                          " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    }
  }

  bool connect(std::size_t index) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      std::fprintf(stderr, "load: cannot connect to port %u\n", options_.port);
      return false;
    }
    const int one = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = index;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event);
    connections_[index].socket = socket;
    return true;
  }

  bool more_to_send(Clock::time_point now) const {
    return now < end_ && (options_.requests == 0 || sent_ < options_.requests);
  }

  void send(std::size_t index, Clock::time_point due) {
    Connection& connection = connections_[index];
    connection.busy = true;
    connection.body_begun = false;
    connection.due = due;
    connection.answer.reset();
    const std::string& request = requests_[sent_++ % requests_.size()];
    ++under_way_;
    // Small requests fit the socket's buffer; MSG_WAITALL does not apply to sends, so loop.
    for (std::string_view left = request; !left.empty();) {
      const ssize_t size = ::send(connection.socket, left.data(), left.size(), MSG_NOSIGNAL);
      if (size <= 0) return;
      left.remove_prefix(static_cast<std::size_t>(size));
    }
  }

  Clock::time_point due_time(std::uint64_t number) const {
    return start_ + std::chrono::duration_cast<Clock::duration>(
                        std::chrono::duration<double>(static_cast<double>(number) / options_.rate));
  }

  void send_due() {
    while (!idle_.empty() && more_to_send(due_time(sent_)) && due_time(sent_) <= Clock::now()) {
      const std::size_t index = idle_.front();
      idle_.pop_front();
      send(index, due_time(sent_));
    }
  }

  /// Until the next request is due and has a connection. It sleeps, since a generator that asks
  /// again and again takes a core from those whom it measures, as no client does.
  Clock::duration wait() const {
    if (options_.rate <= 0 || idle_.empty()) return kPatience;
    const Clock::time_point due = due_time(sent_);
    if (!more_to_send(due)) return kPatience;
    return std::max(due - Clock::now(), Clock::duration(0));
  }

  bool read_answers() {
    epoll_event events[256];
    const auto left = std::chrono::nanoseconds(wait());
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec timeout{whole.count(), (left - whole).count()};
    const int count = ::epoll_pwait2(epoll_, events, 256, &timeout, nullptr);
    if (count < 0 && errno != EINTR) {
      std::perror("load: epoll_pwait2");
      return false;
    }
    if (count == 0 && left == kPatience) {
      std::fprintf(stderr, "load: no answer for 10 s\n");
      return false;
    }
    for (int i = 0; i < count; ++i) {
      if (!read(static_cast<std::size_t>(events[i].data.u64))) return false;
    }
    return true;
  }

  bool read(std::size_t index) {
    Connection& connection = connections_[index];
    char bytes[65536];
    const ssize_t size = ::recv(connection.socket, bytes, sizeof bytes, 0);
    if (size <= 0) {
      std::fprintf(stderr, "load: a connection was closed after %zu answers\n", latencies_.size());
      return false;
    }
    const bool whole = connection.answer.take({bytes, static_cast<std::size_t>(size)});
    const auto now = Clock::now();
    if (!connection.body_begun && connection.answer.has_body()) {
      connection.body_begun = true;
      if (options_.stream) first_bytes_.push_back(microseconds(now - connection.due));
    }
    if (!whole) return true;
    --under_way_;
    latencies_.push_back(microseconds(now - connection.due));
    if (connection.answer.status() / 100 != 2) ++errors_;
    if (saved_.is_open()) save_field(connection.answer.body());
    last_ = now;
    connection.busy = false;
    if (options_.rate > 0) {
      idle_.push_back(index);
    } else if (more_to_send(now)) {
      send(index, now);
    }
    return true;
  }

  void save_field(std::string_view body) {
    const std::string name = "\"" + options_.save_field + "\":\"";
    const std::size_t at = body.find(name);
    if (at == std::string_view::npos) return;
    const std::string_view value = body.substr(at + name.size());
    saved_ << value.substr(0, value.find('"')) << '\n';
  }

  static void print_quantiles(const char* prefix, std::vector<double>& values) {
    std::sort(values.begin(), values.end());
    for (const auto& [name, part] :
         {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}}) {
      const auto at = static_cast<std::size_t>(part * static_cast<double>(values.size()));
      std::printf(",\"%s%s_us\":%.1f", prefix, name,
                  values.empty() ? 0.0 : values[std::min(at, values.size() - 1)]);
    }
  }

  void print() {
    const double seconds = std::chrono::duration<double>(last_ - start_).count();
    const auto answered = static_cast<double>(latencies_.size());
    std::printf("{\"requests\":%zu,\"errors\":%zu,\"seconds\":%.3f,\"per_s\":%.1f",
                latencies_.size(), errors_, seconds, seconds > 0 ? answered / seconds : 0);
    print_quantiles("", latencies_);
    if (options_.stream) print_quantiles("first_byte_", first_bytes_);
    std::printf("}\n");
  }

  const Options& options_;
  std::vector<std::string> requests_;
  std::vector<Connection> connections_;
  std::deque<std::size_t> idle_;
  int epoll_ = -1;
  std::uint64_t sent_ = 0;
  std::size_t under_way_ = 0;
  std::size_t errors_ = 0;
  Clock::time_point start_, end_, last_;
  std::vector<double> latencies_;
  std::vector<double> first_bytes_;
  std::ofstream saved_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Sends HTTP requests and times the answers");
  Options options;
  app.add_option("--port", options.port)->required();
  app.add_option("--method", options.method);
  app.add_option("--target", options.target)->required();
  app.add_option("--bodies", options.bodies);
  app.add_option("--connections", options.connections)->check(CLI::Range(1, 10'000));
  app.add_option("--seconds", options.seconds)->check(CLI::PositiveNumber);
  app.add_option("--rate", options.rate);
  app.add_option("--requests", options.requests);
  app.add_flag("--stream", options.stream);
  app.add_option("--save-field", options.save_field);
  app.add_option("--save", options.save);
  CLI11_PARSE(app, argc, argv);
  return Load(options).run();
}
