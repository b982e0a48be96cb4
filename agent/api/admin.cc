// /v1/admin/...: the policy's versions, the learner, backups.

#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "agent/api/api.h"
#include "agent/api/json_fields.h"
#include "agent/api/request_options.h"
#include "agent/await_callback.h"
#include "base/json_text.h"

namespace yardmaster::agent {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

json::object describe(const SuccessorStatus& status) {
  json::object object{{"encoder", status.encoder},
                      {"encoder_version", status.encoder_version},
                      {"policy_version", status.version},
                      {"rows_learned", status.learned},
                      {"rows_passed_over", status.passed_over},
                      {"failed", status.failed},
                      {"trial",
                       {{"rows", status.compared},
                        {"rows_needed", status.trial_rows},
                        {"difference", status.difference},
                        {"lower_bound", status.lower_bound},
                        {"lower_bound_needed", -EncoderTrial::kMargin}}}};
  if (!status.last_error.empty()) object["last_error"] = status.last_error;
  return object;
}

json::object describe(const LearnerStatus& status) {
  json::array snapshots;
  for (const SnapshotInfo& snapshot : status.snapshots) {
    snapshots.push_back(
        {{"version", snapshot.version}, {"file", snapshot.path.filename().string()}});
  }
  json::array changes;
  for (const ModelChanges& change : status.changes) {
    changes.push_back(
        {{"model", change.model},
         {"count", change.count},
         {"last", {{"value", change.value}, {"shift", change.shift}, {"row", change.row}}}});
  }
  json::object object{{"router", status.router},
                      {"policy", status.policy},
                      {"encoder", status.encoder},
                      {"encoder_version", status.encoder_version},
                      {"policy_version", status.version},
                      {"serving_version", status.pinned.value_or(status.version)},
                      {"rolled_back", status.pinned.has_value()},
                      {"rows_learned", status.learned},
                      {"rows_passed_over", status.passed_over},
                      {"rows_refused", status.refused},
                      {"failed", status.failed},
                      {"models", json::array(status.arms.begin(), status.arms.end())},
                      {"changes_detected", std::move(changes)},
                      {"snapshots", std::move(snapshots)}};
  if (!status.last_error.empty()) object["last_error"] = status.last_error;
  if (status.successor) object["successor"] = describe(*status.successor);
  return object;
}

/// The copy goes to a folder named by the time: a client never chooses a path on the server. The
/// snapshots that are there before the store is copied have learned only rows that the copy has.
Result<std::filesystem::path> make_backup(const DataDirectory& data, Timestamp now,
                                          replay::Store& store) {
  namespace fs = std::filesystem;
  std::string name = format_rfc3339(now);
  std::replace(name.begin(), name.end(), ':', '-');
  const DataDirectory copy{data.backups() / name};
  std::error_code error;
  fs::create_directories(copy.snapshots(), error);
  std::vector<fs::path> snapshots;
  for (fs::directory_iterator file(data.snapshots(), error), end; !error && file != end;
       file.increment(error)) {
    const auto kind = file->path().extension();
    if (kind == ".snapshot" || kind == ".pinned" || kind == ".json")
      snapshots.push_back(file->path());
  }
  fs::copy_file(data.keys(), copy.keys(), error);  // there may be none
  if (Status copied = store.backup(copy.store()); !copied) return fail(copied.error());
  for (const fs::path& snapshot : snapshots) {
    // One that retention removed meanwhile is not missed: a newer one or the rows stand in.
    fs::copy_file(snapshot, copy.snapshots() / snapshot.filename(), error);
  }
  return copy.root;
}

}  // namespace

asio::awaitable<HttpResponse> Api::policy_status(HttpRequest, Caller) {
  auto ask = [this](std::function<void(std::vector<LearnerStatus>)> done) {
    services_.learner.status(std::move(done));
  };
  const auto learners = co_await await_callback<std::vector<LearnerStatus>>(ask);
  json::array policies;
  for (const LearnerStatus& learner : learners) policies.push_back(describe(learner));
  co_return json_response({{"policies", std::move(policies)}});
}

asio::awaitable<HttpResponse> Api::policy_checkpoint(HttpRequest, Caller) {
  auto ask = [this](std::function<void(Status)> done) {
    services_.learner.checkpoint(std::move(done));
  };
  const Status saved = co_await await_callback<Status>(ask);
  if (!saved) co_return to_response(saved.error());
  co_return json_response({{"status", "saved"}, {"policy_version", services_.learner.version()}});
}

asio::awaitable<HttpResponse> Api::policy_rollback(HttpRequest request, Caller) {
  const auto body = parse_object(request.body());
  if (!body) co_return to_response(body.error());
  JsonFields fields(*body);
  std::string router = fields.text("router");
  const auto version = fields.count("version");
  context_.metrics->unknown_fields.add(fields.unknown());
  if (!fields.status()) co_return to_response(fields.status().error());
  if (!version) {
    co_return to_response({ErrorCode::invalid_argument,
                           "'version' is missing; GET /v1/admin/policy lists the snapshots"});
  }
  auto ask = [&](std::function<void(Result<std::uint64_t>)> done) {
    services_.learner.roll_back(std::move(router), *version, std::move(done));
  };
  const auto serving = co_await await_callback<Result<std::uint64_t>>(ask);
  if (!serving) co_return to_response(serving.error());
  co_return json_response({{"status", "rolled_back"}, {"serving_version", *serving}});
}

asio::awaitable<HttpResponse> Api::policy_promote(HttpRequest request, Caller) {
  std::string router;
  if (!request.body().empty()) {
    const auto body = parse_object(request.body());
    if (!body) co_return to_response(body.error());
    JsonFields fields(*body);
    router = fields.text("router");
    context_.metrics->unknown_fields.add(fields.unknown());
    if (!fields.status()) co_return to_response(fields.status().error());
  }
  auto ask = [&](std::function<void(Result<std::uint64_t>)> done) {
    services_.learner.promote(std::move(router), std::move(done));
  };
  const auto serving = co_await await_callback<Result<std::uint64_t>>(ask);
  if (!serving) co_return to_response(serving.error());
  co_return json_response({{"status", "promoted"}, {"serving_version", *serving}});
}

asio::awaitable<HttpResponse> Api::learner_status(HttpRequest, Caller) {
  const std::uint64_t rows = services_.store.stats().rows;
  const std::uint64_t version = services_.learner.version();
  co_return json_response({{"paused", services_.learner.paused()},
                           {"policy_version", version},
                           {"rows", rows},
                           {"rows_waiting", rows - std::min(rows, version)}});
}

asio::awaitable<HttpResponse> Api::learner_pause(HttpRequest, Caller) {
  services_.learner.pause();
  co_return json_response({{"paused", true}});
}

asio::awaitable<HttpResponse> Api::learner_resume(HttpRequest, Caller) {
  services_.learner.resume();
  co_return json_response({{"paused", false}});
}

asio::awaitable<HttpResponse> Api::reload(HttpRequest, Caller) {
  auto ask = [this](std::function<void(Result<std::vector<std::string>>)> done) {
    asio::post(services_.background, [this, done = std::move(done)] { done(services_.reload()); });
  };
  const auto changes = co_await await_callback<Result<std::vector<std::string>>>(ask);
  if (!changes) co_return to_response(changes.error());
  co_return json_response(
      {{"status", "reloaded"}, {"changes", json::array(changes->begin(), changes->end())}});
}

asio::awaitable<HttpResponse> Api::backup(HttpRequest, Caller) {
  auto make = [this](std::function<void(Result<std::filesystem::path>)> done) {
    asio::post(services_.background, [this, done = std::move(done)] {
      done(make_backup(services_.data, services_.clock(), services_.store));
    });
  };
  const auto copy = co_await await_callback<Result<std::filesystem::path>>(make);
  if (!copy) co_return to_response(copy.error());
  co_return json_response({{"status", "saved"}, {"directory", copy->string()}});
}

}  // namespace yardmaster::agent
