#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "tests/common/scripted_server.h"
#include "tests/integration/daemon_fixture.h"

namespace yardmaster::test {

inline constexpr char kAnswer[] =
    R"({"id":"c1","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":20}})";

inline std::string status_answer(const std::string& status, const std::string& headers = "") {
  return "HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: 2\r\n\r\n{}";
}

/// A model "flaky" that the router "first" always chooses first, and whose upstream does what the
/// script says with each request; the simulated models do what is left.
class FlakyModelFixture : public DaemonFixture {
 protected:
  using Answer = std::function<void(ScriptedServer::Peer& peer, int request)>;

  void serve(Answer answer, const std::string& more_upstream = "", const std::string& more = "") {
    server_ = std::make_unique<ScriptedServer>(
        [this, answer = std::move(answer)](ScriptedServer::Peer& peer) {
          while (peer.read()) answer(peer, requests_++);
        });
    more_upstreams_ = ", {name: played, kind: openai, base_url: 'http://127.0.0.1:" +
                      std::to_string(server_->port()) + "/v1'" + more_upstream + "}";
    more_models_ = "  - {name: flaky, upstream: played" + more_model_ + "}\n";
    start(
        "routers:\n"
        "  - {name: first, policy: 'fixed:flaky'}\n"
        "  - {name: learning}\n" +
        more);
  }

  Reply ask(const std::string& model, const std::string& more = "",
            agent::HttpClient::Headers headers = {}) {
    return post("/v1/chat/completions",
                R"({"model": ")" + model + R"(", "messages": [{"role": "user", "content": "hi"}])" +
                    more + "}",
                std::move(headers));
  }

  boost::json::object record_of(const Reply& reply) {
    return get("/v1/decisions/" + reply.header("x-yardmaster-decision-id")).json();
  }

  boost::json::object health_of(const std::string& model) {
    const auto models = get("/v1/models").json();
    for (const auto& each : models.at("data").as_array()) {
      if (each.at("id").as_string() == model) {
        return each.at_pointer("/yardmaster/health").as_object();
      }
    }
    return {};
  }

  std::string more_model_;  ///< of flaky; set before serve(): ", key: value"
  std::atomic<int> requests_{0};
  std::unique_ptr<ScriptedServer> server_;
};

}  // namespace yardmaster::test
