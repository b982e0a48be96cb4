#include "agent/api/access.h"

#include <utility>

namespace yardmaster::agent {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

void write_entry(AccessLog& log, AccessEntry& entry, SteadyTime start) {
  entry.total_us =
      std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
  log.write(access_line(entry));
}

/// Logs once the body inside is gone, however it ended.
class LoggedBody final : public StreamedBody {
 public:
  LoggedBody(std::unique_ptr<StreamedBody> body, AccessLog& log, std::shared_ptr<AccessEntry> entry,
             SteadyTime start)
      : body_(std::move(body)), log_(log), entry_(std::move(entry)), start_(start) {}

  ~LoggedBody() override {
    if (entry_->stream.empty()) entry_->stream = "broken";
    write_entry(log_, *entry_, start_);
  }

  asio::awaitable<void> write_to(BodyWriter& out) override { return body_->write_to(out); }

 private:
  std::unique_ptr<StreamedBody> body_;
  AccessLog& log_;
  std::shared_ptr<AccessEntry> entry_;
  SteadyTime start_;
};

}  // namespace

std::string_view method_name(http::verb method) {
  switch (method) {
    case http::verb::get:
      return "GET";
    case http::verb::head:
      return "HEAD";
    case http::verb::post:
      return "POST";
    case http::verb::put:
      return "PUT";
    case http::verb::patch:
      return "PATCH";
    case http::verb::delete_:
      return "DELETE";
    case http::verb::options:
      return "OPTIONS";
    default:
      return "other";
  }
}

void add_outcome(const Outcome& outcome, AccessEntry& entry) {
  entry.input_tokens = outcome.input_tokens;
  entry.output_tokens = outcome.output_tokens;
  entry.cost_usd = outcome.cost_usd;
}

void log_access(AccessLog& log, std::shared_ptr<AccessEntry> entry, SteadyTime start,
                HttpResponse& response) {
  entry->status = response.status;
  entry->model = response.headers.find("x-yardmaster-model");
  entry->decision_id = response.headers.find("x-yardmaster-decision-id");
  entry->own_us = response.headers.find("x-yardmaster-overhead-us");
  entry->attempts = response.headers.find("x-yardmaster-attempts");
  entry->hedge = response.headers.find("x-yardmaster-hedge");
  if (response.stream) {
    response.stream =
        std::make_unique<LoggedBody>(std::move(response.stream), log, std::move(entry), start);
  } else {
    write_entry(log, *entry, start);
  }
}

}  // namespace yardmaster::agent
