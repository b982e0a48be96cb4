// Models' tags, which routers, keys and requests require or exclude.

#include <gmock/gmock.h>

#include "agent/keys/api_key.h"
#include "tests/integration/daemon_fixture.h"

namespace yardmaster {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Models at home in the EU and in the US, beside those of the fixture, which have no tags.
class Tags : public test::DaemonFixture {
 protected:
  void SetUp() override {
    more_models_ =
        "  - {name: paris, upstream: sim, tags: [region:eu, own]}\n"
        "  - {name: berlin, upstream: sim, tags: [region:eu]}\n"
        "  - {name: texas, upstream: sim, tags: [region:us]}\n";
  }

  Reply ask(const std::string& model, agent::HttpClient::Headers headers = {}) {
    return post("/v1/chat/completions",
                R"({"model": ")" + model + R"(", "messages": [{"role": "user", "content": "hi"}]})",
                std::move(headers));
  }

  std::string filtered_of(const Reply& reply) {
    const auto record = get("/v1/decisions/" + reply.header("x-yardmaster-decision-id")).json();
    return boost::json::serialize(record.at("filtered"));
  }
};

TEST_F(Tags, ARequestRequiresAndExcludesThem) {
  start();
  const Reply reply = ask("auto", {{"x-yardmaster-require-tags", "region:eu"},
                                   {"x-yardmaster-exclude-tags", "old, own"}});
  EXPECT_EQ(reply.header("x-yardmaster-model"), "berlin");
  const std::string filtered = filtered_of(reply);
  EXPECT_THAT(filtered, HasSubstr(R"(no tag 'region:eu', which the request requires)"));
  EXPECT_THAT(filtered, HasSubstr(R"(tag 'own', which the request excludes)"));
}

TEST_F(Tags, ARoutersTagsHoldForItsBaselineToo) {
  start("routers: [{name: europe, require_tags: [region:eu], baseline: texas, share: 0}]\n");
  for (int i = 0; i < 5; ++i) {
    const Reply reply = ask("europe");
    EXPECT_EQ(reply.header("x-yardmaster-model"), "paris");
    EXPECT_THAT(filtered_of(reply), HasSubstr("which the router requires"));
  }
}

TEST_F(Tags, AKeysTagsHoldForModelsByNameAndForWhatIsListed) {
  start("keys: [{name: hr, sha256: " + agent::to_hex(agent::sha256("ym-hr")) +
        ", scopes: [route, feedback], require_tags: [own]}]\n");
  connect("ym-hr");
  const Reply routed = ask("auto");
  EXPECT_EQ(routed.header("x-yardmaster-model"), "paris");
  EXPECT_THAT(filtered_of(routed), HasSubstr("which the API key requires"));
  const Reply named = ask("berlin");
  EXPECT_EQ(named.status, 400u);
  EXPECT_THAT(named.error(),
              HasSubstr("'berlin' may not be asked: it has no tag 'own', which the API key"));
  EXPECT_EQ(ask("paris").status, 200u);
  const std::string models = get("/v1/models").text;
  EXPECT_THAT(models, HasSubstr(R"("id":"paris")"));
  EXPECT_THAT(models, HasSubstr(R"("tags":["region:eu","own"])"));
  EXPECT_THAT(models, Not(HasSubstr(R"("id":"texas")")));
}

TEST_F(Tags, AKeyWhoseTagsLeaveNoModelIsToldSo) {
  start("keys: [{name: hr, sha256: " + agent::to_hex(agent::sha256("ym-hr")) +
        ", scopes: [route, feedback], require_tags: [own], exclude_tags: [own]}]\n");
  connect("ym-hr");
  const std::string route = R"({"query": "hi"})";
  for (const Reply& reply : {ask("auto"), ask("paris"), post("/v1/route", route)}) {
    EXPECT_EQ(reply.status, 400u);
    EXPECT_EQ(reply.json().at("error").at("code"), "no_candidate");
    EXPECT_THAT(reply.error(), HasSubstr("tag 'own', which the API key excludes"));
  }
  EXPECT_THAT(ask("auto").error(), HasSubstr("texas: no tag 'own', which the API key requires"));
}

TEST_F(Tags, WhereRulesLeaveNoModelTheAnswerSaysWhy) {
  start("routers: [{name: europe, require_tags: [region:eu]}]\n");
  const Reply reply = ask("europe", {{"x-yardmaster-require-tags", "region:us"}});
  EXPECT_EQ(reply.status, 400u);
  EXPECT_THAT(reply.text, HasSubstr("no_candidate"));
  EXPECT_THAT(reply.error(), HasSubstr("texas: no tag 'region:eu', which the router requires"));
  EXPECT_THAT(reply.error(), HasSubstr("paris: no tag 'region:us', which the request requires"));
}

}  // namespace
}  // namespace yardmaster
