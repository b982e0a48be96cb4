#include "agent/api/request_options.h"

#include <boost/json/object.hpp>
#include <charconv>

#include "base/json_text.h"

namespace yardmaster::agent {
namespace {

constexpr std::size_t kMaxSessionIdBytes = 256;

/// "a, b,c" as its parts, without blanks.
std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    std::string_view part = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    while (!part.empty() && (part.front() == ' ' || part.front() == '\t')) part.remove_prefix(1);
    while (!part.empty() && (part.back() == ' ' || part.back() == '\t')) part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
  }
  return parts;
}

}  // namespace

std::string_view header(const HttpRequest& request, std::string_view name) {
  const auto found = request.find(boost::beast::string_view(name.data(), name.size()));
  if (found == request.end()) return {};
  return {found->value().data(), found->value().size()};
}

Result<RouteRequest> read_route_headers(const HttpRequest& request) {
  RouteRequest options;
  const std::string_view session = header(request, "x-session-id");
  options.session.given = session;
  if (session.size() > kMaxSessionIdBytes) {
    return fail(ErrorCode::invalid_argument, "x-session-id is longer than 256 bytes; shorten it");
  }
  options.allow = split_list(header(request, "x-yardmaster-allow-models"));
  options.deny = split_list(header(request, "x-yardmaster-deny-models"));
  options.require_tags = split_list(header(request, "x-yardmaster-require-tags"));
  options.exclude_tags = split_list(header(request, "x-yardmaster-exclude-tags"));
  if (const std::string_view text = header(request, "x-yardmaster-cost-weight"); !text.empty()) {
    double weight = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), weight);
    if (error != std::errc{} || end != text.data() + text.size()) {
      return fail(ErrorCode::invalid_argument,
                  "x-yardmaster-cost-weight is not a number; send quality per USD, like 30");
    }
    options.cost_weight = weight;
  }
  return options;
}

void add_decision_headers(const Decision& decision, HttpResponse& response) {
  ResponseHeaders& headers = response.headers;
  const auto id = decision.id.text();
  headers.add("x-yardmaster-decision-id", {id.data(), id.size()});
  headers.add("x-yardmaster-model", decision.model());
  headers.add("x-yardmaster-propensity", decision.propensity());
  headers.add("x-yardmaster-policy-version", decision.policy_version);
  if (decision.features.values.empty()) headers.add("x-yardmaster-degraded", "1");
}

void add_degraded_headers(const Decision& decision, HttpResponse& response) {
  response.headers.add("x-yardmaster-degraded", "1");
  response.headers.add("x-yardmaster-model", decision.model());
}

Error store_overdue() {
  return {ErrorCode::unavailable,
          "the store's disk does not answer in time (limits.store_timeout_s); try again later"};
}

HttpResponse to_response(const Error& error) {
  std::string_view code;
  if (error.code == ErrorCode::no_candidate) code = "no_candidate";
  if (error.code == ErrorCode::context_length_exceeded) code = "context_length_exceeded";
  HttpResponse response = error_response(http_status(error.code), error.message, code);
  if (error.code == ErrorCode::unavailable) response.headers.add("Retry-After", "1");
  return response;
}

HttpResponse model_refused(const Error& error) {
  if (error.code != ErrorCode::not_found) return to_response(error);
  return error_response(404, error.message, "model_not_found", "model");
}

HttpResponse json_response(const boost::json::object& body) {
  HttpResponse response;
  response.body = to_json(body);
  return response;
}

}  // namespace yardmaster::agent
