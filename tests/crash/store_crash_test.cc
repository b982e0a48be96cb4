#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include "replay/verify.h"
#include "tests/crash/store_workload.h"

namespace yardmaster {
namespace {

constexpr int kKills = 20;

/// The writer as a child process; what it prints comes through a pipe.
class WriterProcess {
 public:
  WriterProcess(const std::filesystem::path& directory, std::uint64_t first) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::close(ends[0]);
      ::close(ends[1]);
      ::execl(STORE_WRITER, STORE_WRITER, directory.c_str(), std::to_string(first).c_str(),
              static_cast<char*>(nullptr));
      ::_exit(127);
    }
    ::close(ends[1]);
    output_ = ends[0];
  }
  ~WriterProcess() { ::close(output_); }
  WriterProcess(const WriterProcess&) = delete;
  WriterProcess& operator=(const WriterProcess&) = delete;

  /// Reads until the time has come, kills it, and gives all that it printed.
  std::string run_and_kill(std::chrono::milliseconds after_first_line) {
    std::string printed;
    std::optional<std::chrono::steady_clock::time_point> kill_at;
    std::array<char, 65536> buffer;
    while (true) {
      const ssize_t size = ::read(output_, buffer.data(), buffer.size());
      if (size <= 0) break;
      printed.append(buffer.data(), static_cast<std::size_t>(size));
      const auto now = std::chrono::steady_clock::now();
      if (!kill_at) kill_at = now + after_first_line;
      if (now >= *kill_at) ::kill(pid_, SIGKILL);
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "it ended by itself";
    return printed;
  }

 private:
  pid_t pid_ = 0;
  int output_ = -1;
};

/// Numbers of what was acknowledged, by kind.
using Acknowledged = std::map<std::string, std::set<std::uint64_t>>;

void read_acknowledged(const std::string& printed, Acknowledged& acknowledged) {
  std::istringstream lines(printed);
  std::string what;
  std::uint64_t n = 0;
  while (lines >> what >> n) {
    EXPECT_TRUE(acknowledged[what].insert(n).second) << what << " " << n << " acknowledged twice";
  }
}

class StoreCrash : public testing::Test {
 protected:
  StoreCrash() {
    std::string name = (std::filesystem::temp_directory_path() / "store-crash-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    directory_ = name;
  }
  ~StoreCrash() override { std::filesystem::remove_all(directory_); }

  /// Everything acknowledged is there once, with its one row.
  void check(const Acknowledged& acknowledged) {
    auto store = replay::Store::open(crash::store_options(directory_), crash::objective());
    ASSERT_TRUE(store) << store.error().message;
    std::map<DecisionId, DecisionRecord> records;
    ASSERT_TRUE((*store)->for_each_decision(1, [&](const DecisionRecord& record) {
      EXPECT_TRUE(records.emplace(record.decision.id, record).second);
      return true;
    }));
    std::map<DecisionId, int> rows;
    const auto learned = (*store)->rows_after(0, SIZE_MAX);
    ASSERT_TRUE(learned) << learned.error().message;
    for (const TrainingRow& row : *learned) {
      EXPECT_FALSE(row.replaces);
      ++rows[row.decision];
    }
    for (const auto& [what, numbers] : acknowledged) {
      for (const std::uint64_t n : numbers) {
        const auto found = records.find(crash::decision_id(n));
        ASSERT_NE(found, records.end()) << what << " " << n << " is lost";
        EXPECT_EQ(found->second.decision, crash::decision(n));
        if (what == "outcome") {
          EXPECT_EQ(found->second.outcome, crash::outcome(n)) << n;
        }
        if (what != "feedback") continue;
        ASSERT_EQ(found->second.feedback.size(), 1u) << "of decision " << n;
        EXPECT_EQ(found->second.feedback[0], crash::feedback(n).feedback);
        EXPECT_EQ(rows[found->first], 1) << "rows of decision " << n;
      }
    }
    next_ = records.size() + 1'000'000 * ++restarts_;
    store->reset();
    const Status verified = replay::verify(directory_);
    EXPECT_TRUE(verified) << verified.error().message;
  }

  std::filesystem::path directory_;
  std::uint64_t restarts_ = 0;
  std::uint64_t next_ = 1;  ///< no decision of this number was made yet
};

TEST_F(StoreCrash, WhatWasAcknowledgedBeforeAKillIsThereOnceAfterwards) {
  std::mt19937 moments(std::random_device{}());
  Acknowledged acknowledged;
  for (int kill = 0; kill < kKills && !HasFatalFailure(); ++kill) {
    WriterProcess writer(directory_, next_);
    const std::chrono::milliseconds moment(moments() % 300);
    read_acknowledged(writer.run_and_kill(moment), acknowledged);
    check(acknowledged);
  }
  EXPECT_GE(acknowledged["feedback"].size(), 20u);
  RecordProperty("feedback", static_cast<int>(acknowledged["feedback"].size()));
}

}  // namespace
}  // namespace yardmaster
