// /v1/admin/keys: keys made at run time.

#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "agent/api/api.h"
#include "agent/api/json_fields.h"
#include "agent/api/request_options.h"
#include "agent/await_callback.h"
#include "agent/keys/key_json.h"
#include "base/json_text.h"

namespace yardmaster::agent {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

json::object describe(const KeyListing& listing, Timestamp now) {
  json::object object = json_of(listing, now);
  if (listing.key.budget_usd_per_day > 0) {
    object["spent_today_usd"] = listing.standing.spent_today_usd;
  }
  return object;
}

/// A name that is misspelt would leave a key without the limit that was meant.
Status check_models(const ApiKey& key, const env::ModelPool& pool) {
  for (const auto* names : {&key.models, &key.deny_models}) {
    for (const std::string& name : *names) {
      if (pool.find(name) != nullptr) continue;
      return fail(ErrorCode::invalid_argument,
                  "there is no model '" + name + "'; GET /v1/models lists them");
    }
  }
  return {};
}

}  // namespace

asio::awaitable<HttpResponse> Api::keys_list(HttpRequest, Caller) {
  const Timestamp now = services_.clock();
  json::array keys;
  for (const KeyListing& each : services_.keys.ring.list(now)) keys.push_back(describe(each, now));
  co_return json_response({{"keys", std::move(keys)}});
}

asio::awaitable<HttpResponse> Api::keys_add(HttpRequest request, Caller) {
  auto body = parse_object(request.body());
  if (!body) co_return to_response(body.error());
  std::size_t unknown = 0;
  auto key = key_from_json(*body, unknown);
  if (!key) co_return to_response(key.error());
  context_.metrics->unknown_fields.add(unknown);
  if (Status known = check_models(*key, services_.pool); !known) {
    co_return to_response(known.error());
  }
  auto add = [this, &key](std::function<void(Result<std::string>)> done) {
    asio::post(services_.background, [this, key = *key, done = std::move(done)] {
      done(services_.keys.ring.add(key, services_.clock()));
    });
  };
  const auto secret = co_await await_callback<Result<std::string>>(add);
  if (!secret) co_return to_response(secret.error());
  json::object answer = json_of(*key);
  answer["secret"] = *secret;
  HttpResponse response = json_response(answer);
  response.headers.add("Cache-Control", "no-store");
  co_return response;
}

asio::awaitable<HttpResponse> Api::keys_revoke(HttpRequest request, Caller) {
  std::string_view target(request.target().data(), request.target().size());
  target = target.substr(0, target.find('?'));
  const std::string name(target.substr(target.rfind('/') + 1));
  if (Status good = check_key_name(name); !good) co_return to_response(good.error());
  auto revoke = [this, &name](std::function<void(Status)> done) {
    asio::post(services_.background, [this, name, done = std::move(done)] {
      done(services_.keys.ring.revoke(name, services_.clock()));
    });
  };
  const Status revoked = co_await await_callback<Status>(revoke);
  if (!revoked) co_return to_response(revoked.error());
  co_return json_response({{"name", name}, {"state", "revoked"}});
}

}  // namespace yardmaster::agent
