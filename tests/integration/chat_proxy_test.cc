// A proxy of the environment, and the trace's headers, on the way to an upstream.

#include <cstdlib>
#include <optional>

#include "tests/integration/flaky_model_fixture.h"

namespace yardmaster {
namespace {

using test::ScriptedServer;

class ChatProxy : public test::DaemonFixture {
 protected:
  void TearDown() override {
    ::unsetenv("http_proxy");
    test::DaemonFixture::TearDown();
  }
};

TEST_F(ChatProxy, TheEnvironmentsProxyIsUsedAndTheTraceGoesOn) {
  std::optional<ScriptedServer::Request> seen;
  ScriptedServer proxy([&](ScriptedServer::Peer& peer) {
    seen = peer.read();
    peer.answer(test::kAnswer);
    peer.wait_for_close();
  });
  ::setenv("http_proxy", ("http://127.0.0.1:" + std::to_string(proxy.port())).c_str(), 1);
  more_upstreams_ = ", {name: far, base_url: 'http://models.example/v1'}";
  more_models_ = "  - {name: distant, upstream: far}\n";
  start();
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const Reply reply =
      post("/v1/chat/completions",
           R"({"model": "distant", "messages": [{"role": "user", "content": "hi"}]})",
           {{"traceparent", trace}, {"tracestate", "vendor=a, other=b"}});
  EXPECT_EQ(reply.status, 200u) << reply.text;
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->target(), "http://models.example/v1/chat/completions");
  EXPECT_EQ((*seen)["traceparent"], trace);
  EXPECT_EQ((*seen)["tracestate"], "vendor=a, other=b");
}

}  // namespace
}  // namespace yardmaster
