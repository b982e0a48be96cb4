#include "env/http_upstream.h"

#include <algorithm>
#include <boost/beast/http/field.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>

#include "env/http_stream.h"
#include "env/simulated_upstream.h"
#include "env/translated_upstream.h"

namespace yardmaster::env {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

/// Servers commonly close idle connections after a minute or more; closing first avoids the race.
constexpr std::chrono::milliseconds kIdleTimeout{50'000};

/// The version of Anthropic's API that translated calls are written for. Later ones refuse sampling
/// parameters for every model.
constexpr char kAnthropicVersion[] = "2023-06-01";

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
  // Anthropic's own clients want the URL without it, others with it.
  if (spec.kind == UpstreamSpec::Kind::anthropic && !base.path.ends_with("/v1")) base.path += "/v1";
  return base;
}

/// Whether the text is one word of a header.
bool is_header_word(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

/// Headers that each call has, with the key as the API wants it.
std::string make_headers(const UpstreamSpec& spec, const BaseUrl& base) {
  std::string headers = "Host: " + base.authority + "\r\n";
  headers += "User-Agent: yardmaster\r\nAccept: application/json\r\n";
  headers += "Accept-Encoding: identity\r\nContent-Type: application/json\r\n";
  if (spec.api_key.empty()) return headers;
  const bool anthropic = spec.kind == UpstreamSpec::Kind::anthropic;
  return headers + (anthropic ? "x-api-key: " : "Authorization: Bearer ") + spec.api_key + "\r\n";
}

/// Leaves out what could end the header and begin another.
void append_header(std::string_view name, std::string_view value, std::string& out) {
  const auto can_stand = [](char c) { return c >= ' ' && c <= '~'; };
  if (!value.empty() && std::all_of(value.begin(), value.end(), can_stand)) {
    out.append(name).append(": ").append(value).append("\r\n");
  }
}

std::string make_request(const std::string& base_path, const std::string& headers,
                         const ChatCall& call) {
  std::string request;
  request.reserve(base_path.size() + headers.size() + call.body.size() + 256);
  request.append("POST ").append(base_path).append(path_of(call.route)).append(" HTTP/1.1\r\n");
  request += headers;
  append_header("traceparent", call.traceparent, request);
  append_header("tracestate", call.tracestate, request);
  if (call.route == ApiRoute::messages) {
    const bool any = !call.anthropic_version.empty();
    append_header("anthropic-version", any ? call.anthropic_version : kAnthropicVersion, request);
    append_header("anthropic-beta", call.anthropic_beta, request);
  }
  append_header("Content-Length", std::to_string(call.body.size()), request);
  return request.append("\r\n").append(call.body);
}

}  // namespace

Result<std::unique_ptr<Upstream>> HttpUpstream::make(const UpstreamSpec& spec,
                                                     asio::any_io_executor executor) {
  auto base = parse_base_url(spec);
  if (!base) return fail(base.error());
  if (!is_header_word(spec.api_key)) {
    return fail(ErrorCode::invalid_argument,
                "upstream '" + spec.name +
                    "': api_key holds a space, a line break or another character that no key "
                    "has; check the variable that it comes from");
  }
  std::string headers = make_headers(spec, *base);
  if (!spec.proxy.empty()) {
    auto proxy = parse_proxy(spec.proxy);
    if (!proxy) return fail(proxy.error());
    if (!base->origin.tls) {
      // Put to the proxy itself, in absolute form (RFC 9112, 3.2.2).
      base->path.insert(0, "http://" + base->authority);
      if (!proxy->authorization.empty()) {
        headers += "Proxy-Authorization: " + proxy->authorization + "\r\n";
      }
    }
    base->origin.proxy = std::move(*proxy);
  }
  std::shared_ptr<TlsClient> tls;
  if (base->origin.tls) {
    auto made = TlsClient::make(base->origin, spec.ca_file);
    if (!made) return fail(made.error());
    tls = std::move(*made);
  }
  return std::make_unique<HttpUpstream>(spec, base->origin, base->path, std::move(headers),
                                        std::move(tls), std::move(executor));
}

HttpUpstream::HttpUpstream(const UpstreamSpec& spec, Origin origin, std::string base_path,
                           std::string headers, std::shared_ptr<TlsClient> tls,
                           asio::any_io_executor executor)
    : spec_(std::make_shared<const UpstreamSpec>(spec)),
      origin_(std::move(origin)),
      base_path_(std::move(base_path)),
      headers_(std::move(headers)),
      tls_(std::move(tls)),
      pool_(std::make_shared<ConnectionPool>(executor, spec.max_connections, kIdleTimeout)),
      executor_(std::move(executor)) {}

asio::awaitable<Result<ChatAnswer>> HttpUpstream::chat(ChatCall call) {
  const SteadyTime start = std::chrono::steady_clock::now();
  UpstreamCall under_way(spec_);
  if (Status begun = co_await begin(under_way, call); !begun) co_return fail(begun.error());
  const bool whole = co_await under_way.exchange().read_all();
  co_return under_way.finish(whole, start);
}

asio::awaitable<Result<StreamedAnswer>> HttpUpstream::stream(ChatCall call) {
  const SteadyTime start = std::chrono::steady_clock::now();
  auto stream = std::make_unique<HttpStream>(spec_);
  UpstreamCall& under_way = stream->call();
  if (Status begun = co_await begin(under_way, call); !begun) co_return fail(begun.error());
  HttpExchange& exchange = under_way.exchange();
  StreamedAnswer answer;
  // Some servers do not say what it is that they stream, but JSON is never a stream.
  const auto type = exchange.message()[http::field::content_type];
  if (exchange.message().result_int() == 200 && !type.starts_with("application/json")) {
    answer.answer.status = 200;
    answer.answer.content_type = std::string(type);
    answer.answer.latency_s = seconds_since(start);
    answer.stream = std::move(stream);
  } else {
    const bool whole = co_await exchange.read_all();
    auto finished = under_way.finish(whole, start);
    if (!finished) co_return fail(std::move(finished.error()));
    answer.answer = std::move(*finished);
  }
  co_return answer;
}

asio::awaitable<Result<ChatAnswer>> HttpUpstream::list_models(SteadyTime deadline) {
  const SteadyTime start = std::chrono::steady_clock::now();
  std::string request = "GET " + base_path_ + "/models HTTP/1.1\r\n" + headers_;
  if (spec_->kind == UpstreamSpec::Kind::anthropic) {
    append_header("anthropic-version", kAnthropicVersion, request);
  }
  request += "\r\n";
  UpstreamCall under_way(spec_);
  const Status begun = co_await send(under_way, std::move(request), deadline, nullptr);
  if (!begun) co_return fail(begun.error());
  const bool whole = co_await under_way.exchange().read_all();
  co_return under_way.finish(whole, start);
}

/// Has the call sent, on a connection of the pool, and the head of its answer read.
asio::awaitable<Status> HttpUpstream::begin(UpstreamCall& under_way, const ChatCall& call) {
  const bool anthropic = spec_->kind == UpstreamSpec::Kind::anthropic;
  if (anthropic != (call.route == ApiRoute::messages)) {
    co_return fail(ErrorCode::unsupported, "upstream '" + spec_->name + "' has no /v1" +
                                               std::string(path_of(call.route)) +
                                               "; choose a model of another upstream");
  }
  co_return co_await send(under_way, make_request(base_path_, headers_, call), call.deadline,
                          call.progress);
}

asio::awaitable<Status> HttpUpstream::send(UpstreamCall& under_way, std::string request,
                                           SteadyTime deadline, CallProgress* progress) {
  const SteadyTime start = std::chrono::steady_clock::now();
  ExchangeLimits limits;
  limits.deadline = std::min(deadline, start + spec_->total_timeout);
  limits.first_byte_deadline = start + spec_->first_byte_timeout;
  limits.idle_timeout = spec_->idle_timeout;
  limits.max_body_bytes = spec_->max_response_bytes;
  const SteadyTime first = std::min(limits.first_byte_deadline, limits.deadline);
  auto lease = co_await pool_->acquire(first);
  if (!lease) {
    co_return fail(ErrorCode::unavailable,
                   "upstream '" + spec_->name + "': all " + std::to_string(spec_->max_connections) +
                       " connections are busy and none became free before the deadline; "
                       "raise max_connections or send less");
  }
  bool kept = lease->connection() != nullptr;
  under_way.take(std::move(*lease));
  while (true) {
    if (!kept) {
      if (Status opened = co_await connect(under_way, first); !opened) co_return opened;
    }
    HttpExchange& exchange = under_way.start(executor_, limits);
    const bool begun = co_await exchange.send(request);
    if (begun && progress != nullptr) progress->answered = std::chrono::steady_clock::now();
    if (begun) co_return Status{};
    const bool went_stale =
        kept && !exchange.answered() && exchange.timeout() == HttpExchange::Timeout::none;
    if (!went_stale) co_return fail(under_way.failure());
    kept = false;
  }
}

asio::awaitable<Status> HttpUpstream::connect(UpstreamCall& under_way, SteadyTime deadline) {
  auto connection = std::make_unique<UpstreamConnection>(executor_, tls_);
  const SteadyTime connected_by = std::chrono::steady_clock::now() + spec_->connect_timeout;
  Status opened = co_await connection->open(origin_, std::min(connected_by, deadline));
  if (opened) under_way.set_connection(std::move(connection));
  co_return opened;
}

Result<std::unique_ptr<Upstream>> make_upstream(const UpstreamSpec& spec,
                                                asio::any_io_executor executor) {
  switch (spec.kind) {
    case UpstreamSpec::Kind::simulated:
      return make_translated(make_simulated_upstream(spec, std::move(executor)),
                             messages_at_chat(spec));
    case UpstreamSpec::Kind::openai: {
      auto upstream = HttpUpstream::make(spec, std::move(executor));
      if (!upstream) return upstream;
      return make_translated(std::move(*upstream), messages_at_chat(spec));
    }
    case UpstreamSpec::Kind::anthropic: {
      auto upstream = HttpUpstream::make(spec, std::move(executor));
      if (!upstream) return upstream;
      return make_translated(std::move(*upstream), chat_at_anthropic());
    }
  }
  return fail(ErrorCode::unsupported, "upstream '" + spec.name + "' is of an unknown kind");
}

}  // namespace yardmaster::env
