// A disk that hangs, where a failing one would give an error.

#include <gtest/gtest.h>
#include <rocksdb/env.h>

#include "tests/common/failing_disk.h"
#include "tests/common/raw_client.h"
#include "tests/integration/daemon_fixture.h"

namespace yardmaster {
namespace {

using Fault = test::FailingDisk::Fault;

class HungDisk : public test::DaemonFixture {
 protected:
  void SetUp() override {
    store_env_ = env_.get();
    start("limits: {store_timeout_s: 0.3}\n");
  }
  void TearDown() override {
    disk_->set_fault(Fault::none);
    stop();
  }

  Reply try_route() { return post("/v1/route", R"({"query": "Is anybody there?"})"); }

  std::shared_ptr<test::FailingDisk> disk_ = std::make_shared<test::FailingDisk>();
  std::unique_ptr<rocksdb::Env> env_ = rocksdb::NewCompositeEnv(disk_);
};

TEST_F(HungDisk, TheBaselineServesAndFeedbackIsToldToComeBackUntilTheDiskAnswersAgain) {
  const std::string before = route();
  disk_->set_fault(Fault::hangs);
  for (int i = 0; i < 3; ++i) {
    const Reply degraded = try_route();
    EXPECT_EQ(degraded.status, 200u);
    EXPECT_EQ(degraded.header("x-yardmaster-degraded"), "1");
    EXPECT_EQ(text(degraded, "model"), "small") << "the baseline";
    EXPECT_TRUE(degraded.json().at("decision_id").is_null());
  }
  const Reply refused = judge(before, 1);
  EXPECT_EQ(refused.status, 503u);
  EXPECT_EQ(refused.header("Retry-After"), "1");

  disk_->set_fault(Fault::none);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!try_route().header("x-yardmaster-degraded").empty() &&
         std::chrono::steady_clock::now() < deadline) {
  }
  // On a busy machine a sound disk may be late as well, and says so in the same way.
  unsigned status = judge(before, 1).status;
  while (status == 503u && std::chrono::steady_clock::now() < deadline) {
    status = judge(before, 1).status;
  }
  EXPECT_EQ(status, 200u);
}

TEST_F(HungDisk, ABackupUnderWayHoldsUpNobody) {
  route();
  disk_->set_fault(Fault::hangs);
  test::RawClient backup(daemon_->port());
  backup.send("POST /v1/admin/backup HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(get("/healthz").status, 200u);
  disk_->set_fault(Fault::none);
  EXPECT_EQ(backup.read_answer().result_int(), 200u);
}

}  // namespace
}  // namespace yardmaster
