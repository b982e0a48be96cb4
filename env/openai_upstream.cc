#include "env/openai_upstream.h"

#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>
#include <optional>

#include "env/simulated_upstream.h"

namespace yardmaster::env {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

constexpr std::uint32_t kMaxHeaderBytes = 64u << 10;

/// Servers commonly close idle connections after a minute or more; closing first avoids the race.
constexpr std::chrono::milliseconds kIdleTimeout{50'000};

struct BaseUrl {
  Origin origin;
  std::string authority;  ///< for the Host header
  std::string path;       ///< without a trailing slash
};

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port != 0;
}

Result<BaseUrl> parse_base_url(const UpstreamSpec& spec) {
  const auto url = boost::urls::parse_uri(spec.base_url);
  const bool tls = url && url->scheme() == "https";
  if (!url || !(tls || url->scheme() == "http") || url->host_address().empty() ||
      (url->has_port() && !is_port(url->port())) || url->has_userinfo() || url->has_query() ||
      url->has_fragment()) {
    return fail(ErrorCode::invalid_argument,
                "upstream '" + spec.name +
                    "': base_url is not an http or https URL of a host and a path; write one like "
                    "https://api.openai.com/v1");
  }
  BaseUrl base;
  base.origin.upstream = spec.name;
  base.origin.host = url->host_address();
  base.origin.port = url->has_port() ? std::string(url->port()) : tls ? "443" : "80";
  base.origin.tls = tls;
  base.authority = std::string(url->encoded_host());
  if (url->has_port()) base.authority += ":" + base.origin.port;
  base.path = std::string(url->encoded_path());
  while (base.path.ends_with('/')) base.path.pop_back();
  return base;
}

/// Whether the text can stand in a header: it can neither end it nor begin another.
bool is_header_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

std::string make_request_head(const UpstreamSpec& spec, const BaseUrl& base) {
  std::string head = "POST " + base.path + "/chat/completions HTTP/1.1\r\n";
  head += "Host: " + base.authority + "\r\n";
  head += "User-Agent: yardmaster\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n";
  head += "Content-Type: application/json\r\n";
  if (!spec.api_key.empty()) head += "Authorization: Bearer " + spec.api_key + "\r\n";
  return head;
}

std::string make_request(const std::string& head, const ChatCall& call) {
  const std::string length = std::to_string(call.body.size());
  std::string request;
  request.reserve(head.size() + call.traceparent.size() + call.body.size() + 64);
  request += head;
  if (!call.traceparent.empty() && is_header_value(call.traceparent)) {
    request.append("traceparent: ").append(call.traceparent).append("\r\n");
  }
  request.append("Content-Length: ").append(length).append("\r\n\r\n").append(call.body);
  return request;
}

using Parser = http::response_parser<http::string_body>;

/// Feeds what was read to the parser. True when the answer is complete or cannot be one.
bool parse(boost::beast::flat_buffer& buffer, std::optional<Parser>& parser,
           std::uint64_t max_body_bytes, boost::system::error_code& error) {
  while (!error) {
    if (!parser) {
      parser.emplace();
      parser->eager(true);
      parser->header_limit(kMaxHeaderBytes);
      parser->body_limit(max_body_bytes);
    }
    if (buffer.size() == 0) return false;
    buffer.consume(parser->put(buffer.cdata(), error));
    if (error == http::error::need_more) {
      error = {};
      if (buffer.size() > kMaxHeaderBytes) error = http::error::header_limit;
      if (!error) return false;
    }
    if (!error && parser->is_done()) {
      if (parser->get().result_int() >= 200) return true;
      parser.reset();  // 1xx says that the answer is still to come (RFC 9110, 15.2)
    }
  }
  return true;
}

}  // namespace

/// How sending a request and reading its answer ended.
struct OpenAiUpstream::Exchange {
  std::optional<ChatAnswer> answer;
  bool reusable = false;  ///< the connection may carry another call
  bool answered = false;  ///< bytes of an answer had come
  bool too_late = false;  ///< the deadline passed
  boost::system::error_code error;
};

Result<std::unique_ptr<Upstream>> OpenAiUpstream::make(const UpstreamSpec& spec,
                                                       asio::any_io_executor executor) {
  auto base = parse_base_url(spec);
  if (!base) return fail(base.error());
  if (!is_header_value(spec.api_key)) {
    return fail(ErrorCode::invalid_argument,
                "upstream '" + spec.name +
                    "': api_key holds a space, a line break or another character that no key "
                    "has; check the variable that it comes from");
  }
  std::shared_ptr<TlsClient> tls;
  if (base->origin.tls) {
    auto made = TlsClient::make(base->origin, spec.ca_file);
    if (!made) return fail(made.error());
    tls = std::move(*made);
  }
  return std::make_unique<OpenAiUpstream>(spec, base->origin, make_request_head(spec, *base),
                                          std::move(tls), std::move(executor));
}

OpenAiUpstream::OpenAiUpstream(const UpstreamSpec& spec, Origin origin, std::string request_head,
                               std::shared_ptr<TlsClient> tls, asio::any_io_executor executor)
    : spec_(spec),
      origin_(std::move(origin)),
      request_head_(std::move(request_head)),
      tls_(std::move(tls)),
      pool_(std::make_shared<ConnectionPool>(executor, spec.max_connections, kIdleTimeout)),
      executor_(std::move(executor)) {}

asio::awaitable<Result<ChatAnswer>> OpenAiUpstream::chat(ChatCall call) {
  const auto start = std::chrono::steady_clock::now();
  const SteadyTime deadline = start + spec_.total_timeout;
  const std::string request = make_request(request_head_, call);
  auto lease = co_await pool_->acquire(deadline);
  if (!lease) {
    co_return fail(error(ErrorCode::unavailable,
                         "all " + std::to_string(spec_.max_connections) +
                             " connections are busy and none became free before the deadline; "
                             "raise max_connections or send less"));
  }
  bool kept = lease->connection() != nullptr;
  while (true) {
    if (!kept) {
      if (Status opened = co_await connect(*lease, deadline); !opened) {
        co_return fail(opened.error());
      }
    }
    Exchange done = co_await exchange(*lease->connection(), request, deadline);
    if (done.answer) {
      if (done.reusable) lease->keep();
      done.answer->latency_s =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      co_return std::move(*done.answer);
    }
    const bool went_stale = kept && !done.answered && !done.too_late;
    if (!went_stale) co_return fail(describe(done));
    kept = false;
  }
}

asio::awaitable<Status> OpenAiUpstream::connect(ConnectionPool::Lease& lease, SteadyTime deadline) {
  auto connection = std::make_unique<UpstreamConnection>(executor_, tls_);
  const SteadyTime connected_by = std::chrono::steady_clock::now() + spec_.connect_timeout;
  Status opened = co_await connection->open(origin_, std::min(connected_by, deadline));
  if (opened) lease.set(std::move(connection));
  co_return opened;
}

asio::awaitable<OpenAiUpstream::Exchange> OpenAiUpstream::exchange(UpstreamConnection& connection,
                                                                   const std::string& request,
                                                                   SteadyTime deadline) {
  SocketDeadline limit(executor_);
  limit.guard(connection.socket(), deadline);
  Exchange result;
  std::optional<Parser> parser;
  // A server may refuse a request before it has read it all, so a failed write is no reason not
  // to look for an answer.
  const boost::system::error_code unsent = co_await connection.write(request);
  while (!parse(connection.buffer(), parser, spec_.max_response_bytes, result.error)) {
    result.error = co_await connection.read();
    result.answered = result.answered || connection.buffer().size() > 0;
    if (result.error == asio::error::eof && parser->got_some()) {
      // The end of the connection may be the end of the body (RFC 9112, 6.3).
      result.error = {};
      parser->put_eof(result.error);
      break;
    }
    if (result.error) break;
  }
  result.too_late = limit.expired();
  if (result.error || result.too_late) co_return result;

  result.reusable = !unsent && parser->keep_alive() && connection.buffer().size() == 0;
  auto message = parser->release();
  ChatAnswer answer;
  answer.status = message.result_int();
  answer.content_type = std::string(message[http::field::content_type]);
  answer.retry_after = std::string(message[http::field::retry_after]);
  answer.body = std::move(message.body());
  result.answer = std::move(answer);
  co_return result;
}

Error OpenAiUpstream::describe(const Exchange& failed) const {
  if (failed.too_late) {
    return error(ErrorCode::timed_out, "no answer before the deadline of " +
                                           std::to_string(spec_.total_timeout.count()) +
                                           " ms; use a faster model, or raise total_timeout_s");
  }
  if (failed.error == http::error::body_limit) {
    return error(ErrorCode::io, "the answer is larger than " +
                                    std::to_string(spec_.max_response_bytes) +
                                    " bytes; ask for less, or raise max_response_bytes");
  }
  if (failed.error.category() == http::make_error_code(http::error::bad_method).category() &&
      failed.error != http::error::partial_message) {
    return error(ErrorCode::io,
                 "the answer is not HTTP/1.1: " + failed.error.message() + "; check base_url");
  }
  return error(ErrorCode::io, "the connection broke " +
                                  std::string(failed.answered ? "in the middle of the answer"
                                                              : "before an answer came") +
                                  ": " + failed.error.message() + "; try again");
}

Error OpenAiUpstream::error(ErrorCode code, const std::string& what) const {
  return {code, "upstream '" + spec_.name + "': " + what};
}

Result<std::unique_ptr<Upstream>> make_upstream(const UpstreamSpec& spec,
                                                asio::any_io_executor executor) {
  switch (spec.kind) {
    case UpstreamSpec::Kind::simulated:
      return make_simulated_upstream(spec, std::move(executor));
    case UpstreamSpec::Kind::openai:
      return OpenAiUpstream::make(spec, std::move(executor));
  }
  return fail(ErrorCode::unsupported, "upstream '" + spec.name + "' is of an unknown kind");
}

}  // namespace yardmaster::env
