// GET /v1/admin/feedback: what each API key has said, for finding the one that misleads.

#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <map>
#include <set>
#include <string>

#include "agent/api/api.h"
#include "agent/api/request_options.h"
#include "agent/await_callback.h"
#include "base/json_text.h"

namespace yardmaster::agent {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

struct Said {
  std::uint64_t values = 0;
  double sum = 0;
};

struct OfKey {
  std::uint64_t decisions = 0;
  std::map<std::string, Said> metrics;
  Timestamp newest{};
};

using Report = std::map<std::string, OfKey>;

/// Reads the whole log.
Result<Report> make_report(const replay::Store& store) {
  Report report;
  const Status read = store.for_each_decision(1, [&](const DecisionRecord& record) {
    std::set<std::string_view> counted;
    for (const Feedback& item : record.feedback) {
      OfKey& key = report[item.key_scope];
      Said& said = key.metrics[item.metric];
      ++said.values;
      said.sum += item.value;
      key.newest = std::max(key.newest, item.time);
      if (counted.insert(item.key_scope).second) ++key.decisions;
    }
    return true;
  });
  if (!read) return fail(read.error());
  return report;
}

json::object json_of(const Report& report) {
  json::array keys;
  for (const auto& [name, of_key] : report) {
    json::object metrics;
    for (const auto& [metric, said] : of_key.metrics) {
      metrics[metric] = json::object{{"values", said.values},
                                     {"mean", said.sum / static_cast<double>(said.values)}};
    }
    keys.push_back(json::object{{"key", name},
                                {"decisions", of_key.decisions},
                                {"newest", format_rfc3339(of_key.newest)},
                                {"metrics", std::move(metrics)}});
  }
  return {{"keys", std::move(keys)}};
}

}  // namespace

asio::awaitable<HttpResponse> Api::feedback_report(HttpRequest, Caller) {
  auto make = [this](std::function<void(Result<Report>)> done) {
    asio::post(services_.background,
               [this, done = std::move(done)] { done(make_report(services_.store)); });
  };
  const auto report = co_await await_callback<Result<Report>>(make);
  if (!report) co_return to_response(report.error());
  co_return json_response(json_of(*report));
}

}  // namespace yardmaster::agent
