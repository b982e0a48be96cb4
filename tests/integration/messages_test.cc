// POST /v1/messages: Anthropic's API, routed, at upstreams of each kind.

#include <gmock/gmock.h>

#include <functional>
#include <mutex>
#include <vector>

#include "tests/common/events.h"
#include "tests/common/raw_client.h"
#include "tests/common/scripted_server.h"
#include "tests/integration/daemon_fixture.h"

namespace yardmaster {
namespace {

namespace json = boost::json;
using test::chunk;
using test::event;
using test::kStreamHead;
using test::ScriptedServer;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Peer = ScriptedServer::Peer;
using Request = ScriptedServer::Request;

constexpr char kMessage[] = R"({"id": "msg_1", "type": "message", "role": "assistant",
    "model": "claude-1", "content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn",
    "extra": 1.50, "usage": {"input_tokens": 200, "cache_read_input_tokens": 800,
    "output_tokens": 2000}})";
constexpr char kCompletion[] = R"({"id": "c1", "model": "gpt-1", "choices": [{"index": 0,
    "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 2000}})";

const std::string kStart = event("message_start", R"({"type": "message_start", "message": {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-1", "content": [],
    "usage": {"input_tokens": 200, "cache_read_input_tokens": 800, "output_tokens": 1}}})");
const std::string kHello =
    event("content_block_start", R"({"type": "content_block_start", "index": 0,
          "content_block": {"type": "text", "text": ""}})") +
    event("content_block_delta", R"({"type": "content_block_delta", "index": 0,
          "delta": {"type": "text_delta", "text": "hello"}})") +
    event("content_block_stop", R"({"type": "content_block_stop", "index": 0})") +
    event("message_delta", R"({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
          "usage": {"output_tokens": 2000}})");
const std::string kStop = event("message_stop", R"({"type": "message_stop"})");

const std::string kChunks =
    "data: {\"id\":\"c1\",\"model\":\"gpt-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
    "\"hello\"},\"finish_reason\":null}]}\n\n"
    "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":1000,"
    "\"completion_tokens\":2000}}\n\ndata: [DONE]\n\n";

std::string status_answer(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status +
         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

/// Models "claude" and "gpt", whose upstreams of kind anthropic and openai do what the script says.
class Messages : public test::DaemonFixture {
 protected:
  using Answer = std::function<void(Peer& peer, const Request& request)>;

  void serve(Answer answer, const std::string& more = "") {
    server_ = std::make_unique<ScriptedServer>([this, answer = std::move(answer)](Peer& peer) {
      while (auto request = peer.read()) {
        {
          const std::lock_guard lock(seen_mutex_);
          seen_.push_back(*request);
        }
        answer(peer, *request);
      }
    });
    const std::string url = "'http://127.0.0.1:" + std::to_string(server_->port());
    more_upstreams_ = ", {name: messages, kind: anthropic, api_key: sk-secret, base_url: " + url +
                      "/v1'}, {name: chats, base_url: " + url + "/v1'}";
    const std::string prices =
        "input_usd_per_mtok: 1, output_usd_per_mtok: 2, modalities: [text, image]";
    more_models_ = "  - {name: claude, upstream: messages, upstream_model: claude-1, " + prices +
                   ", cache_read_usd_per_mtok: 0.1}\n" +
                   "  - {name: gpt, upstream: chats, upstream_model: gpt-1, " + prices + "}\n";
    start(
        "routers: [{name: first, policy: 'fixed:claude'}, {name: second, policy: 'fixed:gpt'}]\n" +
        more);
  }

  static std::string body(const std::string& model, const std::string& more = "") {
    return R"({"model": ")" + model +
           R"(", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}])" + more + "}";
  }

  Reply ask(const std::string& model, const std::string& more = "",
            agent::HttpClient::Headers headers = {}) {
    return post("/v1/messages", body(model, more), std::move(headers));
  }

  json::object record_of(const Reply& reply) {
    return get("/v1/decisions/" + reply.header("x-yardmaster-decision-id")).json();
  }

  Request seen() {
    const std::lock_guard lock(seen_mutex_);
    return seen_.back();
  }

  std::mutex seen_mutex_;
  std::vector<Request> seen_;
  std::unique_ptr<ScriptedServer> server_;
};

TEST_F(Messages, AtAnthropicTheClientsBytesGoOnAndTheAnswersComeBack) {
  serve([](Peer& peer, const Request&) { peer.answer(kMessage); });
  const std::string more = R"(, "top_k": 12345678901234567890123, "made_up": [1.50])";
  const Reply reply =
      ask("first", more, {{"anthropic-version", "2026-10-21"}, {"anthropic-beta", "a-b,c"}});
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_EQ(reply.text, kMessage);
  EXPECT_EQ(seen().body(), body("claude-1", more));
  EXPECT_EQ(seen().target(), "/v1/messages");
  EXPECT_EQ(seen()["anthropic-version"], "2026-10-21");
  EXPECT_EQ(seen()["anthropic-beta"], "a-b,c");
  EXPECT_EQ(seen()["x-api-key"], "sk-secret");
  EXPECT_EQ(reply.header("x-yardmaster-model"), "claude");
  const auto record = record_of(reply);
  EXPECT_EQ(record.at("outcome").at("input_tokens"), 1000);
  EXPECT_EQ(record.at("outcome").at("response_id"), "msg_1");
  EXPECT_NEAR(record.at("outcome").at("cost_usd").to_number<double>(),
              (200 + 800 * 0.1 + 2000 * 2) * 1e-6, 1e-12);
  EXPECT_EQ(reply.header("x-yardmaster-cost-usd"), "0.00428");
}

TEST_F(Messages, AtOpenAiTheyAreTranslatedThereAndBack) {
  serve([](Peer& peer, const Request&) { peer.answer(kCompletion); });
  const Reply reply = ask("second", R"(, "system": "Be brief.")");
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_EQ(seen().target(), "/v1/chat/completions");
  EXPECT_EQ(json::parse(seen().body()), json::parse(R"({"model": "gpt-1", "max_tokens": 9,
      "messages": [{"role": "system", "content": "Be brief."},
                   {"role": "user", "content": "hi"}]})"));
  EXPECT_EQ(reply.json().at("type"), "message");
  EXPECT_EQ(reply.json().at("content").at(0).at("text"), "hello");
  EXPECT_EQ(record_of(reply).at("outcome").at("output_tokens"), 2000);
}

TEST_F(Messages, SimulatedModelsAnswerThemToo) {
  start();
  const Reply reply = ask("auto");
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_EQ(reply.json().at("type"), "message");
  const Reply streamed = ask("auto", R"(, "stream": true)");
  EXPECT_THAT(streamed.text, StartsWith("event: message_start\n"));
  EXPECT_THAT(streamed.text,
              EndsWith(""
                       "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
}

TEST_F(Messages, AStreamOfAnthropicsComesByteForByteWithOurCommentBeforeItsEnd) {
  serve([](Peer& peer, const Request&) {
    peer.send(kStreamHead + chunk(kStart + kHello) + chunk(kStop) + "0\r\n\r\n");
  });
  const Reply reply = ask("claude", R"(, "stream": true)");
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_THAT(reply.text, StartsWith(kStart + kHello + ": yardmaster {"));
  EXPECT_THAT(reply.text, EndsWith("}\n\n" + kStop));
  EXPECT_THAT(reply.text, HasSubstr(R"("cost_usd":0.00428)"));
  EXPECT_EQ(seen().body(), body("claude-1", R"(, "stream": true)")) << "nothing is asked for";
}

TEST_F(Messages, AStreamOfOpenAisIsTranslated) {
  serve([](Peer& peer, const Request&) { peer.send(kStreamHead + chunk(kChunks) + "0\r\n\r\n"); });
  const Reply reply = ask("gpt", R"(, "stream": true)");
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_THAT(seen().body(), HasSubstr(R"("include_usage":true)"));
  EXPECT_THAT(reply.text, HasSubstr(R"("delta":{"type":"text_delta","text":"hello"})"));
  EXPECT_THAT(reply.text, HasSubstr(R"("cost_usd":0.005)"));
  EXPECT_EQ(record_of(reply).at("outcome").at("input_tokens"), 1000);
}

TEST_F(Messages, AStreamThatBreaksEndsWithAnEventOfAnthropics) {
  serve([](Peer& peer, const Request& request) {
    const bool chat = request.target() == "/v1/chat/completions";
    peer.send(kStreamHead +
              chunk(chat ? kChunks.substr(0, kChunks.find("\n\n") + 2) : kStart + kHello) +
              "0\r\n\r\n");
  });
  for (const char* model : {"claude", "gpt"}) {
    const Reply reply = ask(model, R"(, "stream": true)");
    EXPECT_THAT(reply.text, HasSubstr("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                                      "\"api_error\",\"message\":\"the stream broke"))
        << model;
    EXPECT_THAT(reply.text, Not(HasSubstr("event: message_stop"))) << model;
  }
}

TEST_F(Messages, OverloadBeforeTheContentFallsBackToAModelOfAnotherKind) {
  serve([](Peer& peer, const Request&) {
    peer.send(kStreamHead + chunk(kStart + event("error", R"({"type": "error", "error": {
                  "type": "overloaded_error", "message": "Overloaded"}})")) +
              "0\r\n\r\n");
  });
  const Reply reply = ask("first", R"(, "stream": true)");
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_THAT(reply.text, EndsWith("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
  EXPECT_NE(reply.header("x-yardmaster-attempts"), "1");
}

TEST_F(Messages, ErrorsHaveAnthropicsShape) {
  serve([](Peer& peer, const Request& request) {
    const bool chat = request.target() == "/v1/chat/completions";
    peer.send(status_answer(
        "400 Bad Request",
        chat ? R"({"error": {"message": "too hot", "type": "x"}})"
             : R"({"type":"error","error":{"type":"invalid_request_error","message":"too hot"}})"));
  });
  const auto error = [](const Reply& reply) {
    EXPECT_EQ(reply.json().at("type"), "error") << reply.text;
    return std::string(reply.json().at("error").at("type").as_string()) + ": " +
           std::string(reply.json().at("error").at("message").as_string());
  };
  for (const char* model : {"claude", "gpt"}) {
    const Reply reply = ask(model);
    EXPECT_EQ(reply.status, 400u);
    EXPECT_EQ(error(reply), "invalid_request_error: too hot");
  }
  EXPECT_THAT(error(ask("nobody")), StartsWith("not_found_error: there is no model"));
  EXPECT_THAT(error(post("/v1/messages", "{}")), StartsWith("invalid_request_error: 'messages'"));
  EXPECT_THAT(error(post("/v1/messages", R"({"max_tokens": 1, "messages": [
                    {"role": "user", "content": "hi"}]})")),
              HasSubstr("'model' is missing"));
  EXPECT_THAT(error(get("/v1/messages")), HasSubstr("takes POST only"));
}

TEST_F(Messages, ErrorsOfTheProtocolHaveAnthropicsShapeToo) {
  serve([](Peer& peer, const Request&) { peer.answer(kMessage); },
        "limits: {max_body_bytes: 1024, max_header_bytes: 1024, header_timeout_s: 0.1, "
        "body_timeout_s: 0.1}\n");
  struct Case {
    unsigned status;
    const char* type;
    std::string bytes;  ///< with PATH in place of the path
  };
  const std::string rest = " HTTP/1.1\r\nHost: x\r\n";
  const std::vector<Case> cases{
      {400, "invalid_request_error", "POST PATH HTTP/1.1\r\nContent-Length: 0\r\n\r\n"},
      {400, "invalid_request_error", "POST PATH" + rest + "no header\r\n\r\n"},
      {400, "invalid_request_error",
       "POST PATH" + rest + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {400, "invalid_request_error", "POST PATH" + rest + "Content-Length: 3\r\n\r\n{ }"},
      {404, "not_found_error", "POST PATH/count_tokens" + rest + "Content-Length: 0\r\n\r\n"},
      {405, "invalid_request_error", "DELETE PATH" + rest + "\r\n"},
      {408, "timeout_error", "POST PATH" + rest},
      {408, "timeout_error", "POST PATH?beta=true" + rest + "Content-Length: 3\r\n\r\n{"},
      {413, "request_too_large", "POST PATH" + rest + "Content-Length: 2000\r\n\r\n"},
      {415, "invalid_request_error",
       "POST PATH" + rest + "Content-Type: image/png\r\nContent-Length: 2\r\n\r\n{}"},
      {417, "invalid_request_error",
       "POST PATH" + rest + "Expect: more\r\nContent-Length: 1\r\n\r\n"},
      {431, "request_too_large", "POST PATH" + rest + "x: " + std::string(2000, 'x') + "\r\n\r\n"},
      {501, "api_error", "POST PATH" + rest + "Transfer-Encoding: gzip\r\n\r\n"},
  };
  const auto answer_to = [&](std::string bytes, const std::string& path) {
    bytes.replace(bytes.find("PATH"), 4, path);
    test::RawClient client(daemon_->port());
    client.send(bytes);
    return client.read_answer();
  };
  for (const Case& each : cases) {
    const auto answer = answer_to(each.bytes, "/v1/messages");
    EXPECT_EQ(answer.result_int(), each.status) << each.bytes;
    const json::value body = json::parse(answer.body());
    EXPECT_EQ(body.at("type"), "error") << each.bytes;
    EXPECT_EQ(body.at("error").at("type"), each.type) << each.bytes;
    EXPECT_FALSE(body.at("error").at("message").as_string().empty());
    const auto openais = answer_to(each.bytes, "/v1/chat/completions");
    EXPECT_EQ(openais.result_int(), each.status) << each.bytes;
    EXPECT_TRUE(json::parse(openais.body()).at("error").as_object().contains("code"));
  }
  // What only begins alike is another path.
  const auto other = answer_to("POST PATH" + rest + "Content-Length: 0\r\n\r\n", "/v1/messages2");
  EXPECT_FALSE(json::parse(other.body()).as_object().contains("type"));
}

TEST_F(Messages, ARefusedKeyIsToldInAnthropicsShape) {
  serve([](Peer& peer, const Request&) { peer.answer(kMessage); },
        "limits: {wrong_keys_per_minute: 1}\n"
        "keys: [{name: app, scopes: [route], requests_per_minute: 1, sha256: "
        "f096553b2399efa5b2b740510b0243f35bcfba4601ccc7d8edd7cc1c147aae46}]\n");
  EXPECT_EQ(ask("claude", "", {{"x-api-key", "ym-test"}}).status, 200u);
  const Reply limited = ask("claude", "", {{"x-api-key", "ym-test"}});
  EXPECT_EQ(limited.status, 429u);
  EXPECT_EQ(limited.json().at("error").at("type"), "rate_limit_error");
  EXPECT_EQ(ask("claude", "", {{"x-api-key", "wrong"}}).status, 401u);
  const Reply guessing = ask("claude", "", {{"x-api-key", "wrong too"}});
  EXPECT_EQ(guessing.status, 429u);
  EXPECT_EQ(guessing.json().at("error").at("type"), "rate_limit_error");
}

TEST_F(Messages, WhatOpenAisApiHasNotGoesToAnthropicAlone) {
  serve([](Peer& peer, const Request&) { peer.answer(kMessage); });
  const std::string search =
      R"(, "tools": [{"type": "web_search_20250305", "name": "web_search"}])";
  const Reply routed = ask("second", search);
  ASSERT_EQ(routed.status, 200u) << routed.text;
  EXPECT_EQ(routed.header("x-yardmaster-model"), "claude");
  EXPECT_THAT(json::serialize(record_of(routed).at("filtered")),
              HasSubstr("OpenAI's API has no tool of type web_search_20250305"));
  EXPECT_EQ(ask("gpt", search).status, 400u);
}

TEST_F(Messages, AKeyMayComeAsXApiKey) {
  // printf %s ym-test | sha256sum
  serve([](Peer& peer, const Request&) { peer.answer(kMessage); },
        "keys: [{name: app, scopes: [route], sha256: "
        "f096553b2399efa5b2b740510b0243f35bcfba4601ccc7d8edd7cc1c147aae46}]\n");
  const Reply refused = ask("claude");
  EXPECT_EQ(refused.status, 401u);
  EXPECT_EQ(refused.json().at("error").at("type"), "authentication_error");
  EXPECT_EQ(ask("claude", "", {{"x-api-key", "wrong"}}).status, 401u);
  EXPECT_EQ(ask("claude", "", {{"x-api-key", "ym-test"}}).status, 200u);
  EXPECT_EQ(ask("claude", "", {{"authorization", "Bearer ym-test"}}).status, 200u);
  EXPECT_THAT(seen()["x-api-key"], "sk-secret") << "the client's key stays here";
}

}  // namespace
}  // namespace yardmaster
