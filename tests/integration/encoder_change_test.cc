// The config's encoder changes: the old one serves until a policy on the new one is no worse.

#include <gmock/gmock.h>

#include <fstream>

#include "env/builtin_table.h"
#include "tests/common/eventually.h"
#include "tests/integration/daemon_fixture.h"

namespace yardmaster {
namespace {

using ::testing::HasSubstr;

class EncoderChange : public test::DaemonFixture {
 protected:
  void start_with(const std::string& encoder, int trial_rows = 40, const std::string& more = "") {
    start("routers: [{name: auto, encoder: '" + encoder +
          "', encoder_trial_rows: " + std::to_string(trial_rows) + "}]\n" + more);
  }

  /// Decisions whose queries differ, with outcome and feedback.
  void complete_decisions(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string id = route("What is " + std::to_string(i % 7) + " and some?");
      ASSERT_EQ(post("/v1/outcomes", R"({"decision_id": ")" + id + R"(", "status": "ok"})").status,
                200u);
      ASSERT_EQ(judge(id, 0.5).status, 200u);
    }
  }

  boost::json::object policy() {
    return get("/v1/admin/policy").json().at("policies").as_array().at(0).as_object();
  }

  std::string encoder() { return std::string(policy().at("encoder").as_string()); }

  boost::json::object successor() { return policy().at("successor").as_object(); }

  std::int64_t compared() {
    return successor().at("trial").as_object().at("rows").to_number<std::int64_t>();
  }

  /// Of the new encoder's learner; from then on each new row is compared.
  void wait_for_successor(std::int64_t rows) {
    wait_until([&] { return successor().at("policy_version").to_number<std::int64_t>() >= rows; });
  }

  template <class Condition>
  void wait_until(const Condition& condition) {
    EXPECT_TRUE(test::eventually(condition)) << get("/v1/admin/policy").text;
  }

  void wait_for_rows(std::int64_t rows) {
    wait_until([&] {
      return get("/v1/admin/learner").json().at("policy_version").to_number<std::int64_t>() >= rows;
    });
  }

  /// The encoder of a new decision's features and of its successor's, "" for none.
  std::pair<std::string, std::string> encoders_of_a_decision() {
    const auto decision = get("/v1/decisions/" + route()).json();
    const auto name = [&](const char* field) {
      const auto* features = decision.if_contains(field);
      return features == nullptr ? std::string() : std::string(features->at("encoder").as_string());
    };
    return {name("features"), name("successor_features")};
  }
};

using Encoders = std::pair<std::string, std::string>;

TEST_F(EncoderChange, TheOldEncoderServesUntilThePolicyOfTheNewOneIsNoWorse) {
  start_with("static");
  complete_decisions(30);
  wait_for_rows(30);
  stop();

  start_with("hash");
  EXPECT_EQ(encoder(), "static");
  EXPECT_EQ(successor().at("encoder").as_string(), "hash");
  wait_for_successor(30);
  EXPECT_EQ(encoders_of_a_decision(), Encoders("static", "hash"));
  EXPECT_THAT(get("/metrics").text, HasSubstr("yardmaster_encoder_succession{router=\"auto\"} 1"));
  complete_decisions(20);
  wait_for_rows(50);
  EXPECT_EQ(encoder(), "static") << "20 of 40 rows do not make a trial";
  EXPECT_EQ(compared(), 20);
  EXPECT_EQ(successor().at("rows_learned").to_number<int>(), 50);
  complete_decisions(20);
  wait_until([&] { return encoder() == "hash"; });
  wait_until([&] { return encoders_of_a_decision() == Encoders("hash", ""); });
  EXPECT_THAT(get("/metrics").text, HasSubstr("yardmaster_encoder_succession{router=\"auto\"} 0"));
  EXPECT_FALSE(policy().contains("successor"));
  complete_decisions(5);
  wait_for_rows(75);
  stop();

  start_with("hash");
  EXPECT_EQ(encoder(), "hash");
  EXPECT_FALSE(policy().contains("successor"));
  EXPECT_EQ(policy().at("policy_version").to_number<int>(), 75);
  EXPECT_EQ(policy().at("rows_learned").to_number<int>(), 0) << "its snapshot has them all";
  EXPECT_EQ(encoders_of_a_decision(), Encoders("hash", ""));
}

TEST_F(EncoderChange, ATrialGoesOnAfterARestart) {
  start_with("static");
  complete_decisions(5);
  stop();
  start_with("hash");
  wait_for_successor(5);
  complete_decisions(25);
  wait_until([&] { return compared() == 25; });
  stop();
  start_with("hash");
  EXPECT_EQ(encoder(), "static");
  EXPECT_EQ(compared(), 25);
  wait_for_successor(30);
  complete_decisions(15);
  wait_until([&] { return encoder() == "hash"; });
}

TEST_F(EncoderChange, QueriesThatTheStoreKeptAreEncodedAnew) {
  start_with("static", 40, "store_queries: true\n");
  complete_decisions(30);
  stop();
  start_with("hash", 1000, "store_queries: true\n");
  wait_for_successor(30);
  EXPECT_EQ(successor().at("rows_learned").to_number<int>(), 30);
  EXPECT_EQ(encoder(), "static") << "it has learned, and is not compared yet";
  stop();

  start_with("hash", 0, "store_queries: true\n");
  wait_until([&] { return encoder() == "hash"; });
  stop();

  // Also where its snapshot is lost later on.
  std::filesystem::remove_all(dir_.path() / "data" / "snapshots");
  start_with("hash", 0, "store_queries: true\n");
  EXPECT_EQ(encoder(), "hash");
  EXPECT_EQ(policy().at("rows_learned").to_number<int>(), 30);
}

TEST_F(EncoderChange, TheOldEncoderBackInTheConfigGoesOnAsIfNothingHadBeen) {
  start_with("static");
  complete_decisions(10);
  wait_for_rows(10);
  stop();
  start_with("hash");
  complete_decisions(10);
  wait_for_rows(20);
  stop();
  start_with("static");
  EXPECT_EQ(encoder(), "static");
  EXPECT_FALSE(policy().contains("successor"));
  EXPECT_EQ(policy().at("policy_version").to_number<int>(), 20);
  EXPECT_EQ(encoders_of_a_decision(), Encoders("static", ""));
}

TEST_F(EncoderChange, AnOldEncoderWhoseFileIsGoneIsSucceededAtOnce) {
  const auto table = dir_.path() / "table.bin";
  std::ofstream(table, std::ios::binary) << env::builtin_static_table();
  start_with("static:" + table.string());
  complete_decisions(5);
  stop();
  std::filesystem::remove(table);
  start_with("hash");
  EXPECT_EQ(encoder(), "hash");
  EXPECT_FALSE(policy().contains("successor"));
  EXPECT_EQ(encoders_of_a_decision(), Encoders("hash", ""));
}

TEST_F(EncoderChange, ABackupAmidItGoesOnWhereItWas) {
  start_with("static");
  complete_decisions(5);
  stop();
  start_with("hash");
  wait_for_successor(5);
  complete_decisions(12);
  wait_until([&] { return compared() == 12; });
  ASSERT_EQ(post("/v1/admin/policy/checkpoint", "").status, 200u);
  const Reply saved = post("/v1/admin/backup", "");
  ASSERT_EQ(saved.status, 200u) << saved.text;
  const std::string directory = text(saved, "directory");
  stop();
  std::filesystem::remove_all(dir_.path() / "data" / "store");
  std::filesystem::remove_all(dir_.path() / "data" / "snapshots");
  std::filesystem::rename(directory + "/store", dir_.path() / "data" / "store");
  std::filesystem::rename(directory + "/snapshots", dir_.path() / "data" / "snapshots");
  start_with("hash");
  EXPECT_EQ(encoder(), "static");
  EXPECT_EQ(compared(), 12);
}

}  // namespace
}  // namespace yardmaster
