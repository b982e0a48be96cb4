#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>

#include "tests/crash/rounds.h"
#include "tests/crash/store_checker.h"

namespace yardmaster {
namespace {

constexpr int kKills = 10;
constexpr int kRoundsAStore = 10;

/// The writer as a child process; what it prints comes through a pipe.
class WriterProcess {
 public:
  WriterProcess(const std::filesystem::path& directory, std::uint64_t first,
                const std::string& failpoint, bool forget = false) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::close(ends[0]);
      ::close(ends[1]);
      if (!failpoint.empty()) ::setenv("YARDMASTER_FAILPOINT", failpoint.c_str(), 1);
      ::execl(STORE_WRITER, STORE_WRITER, directory.c_str(), std::to_string(first).c_str(),
              forget ? "forget" : static_cast<char*>(nullptr), static_cast<char*>(nullptr));
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

using crash::Acknowledged;

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

  /// Each check reads all that there is, so a store does not grow for ever.
  void start_anew(Acknowledged& acknowledged) {
    std::filesystem::remove_all(directory_);
    acknowledged.clear();
  }

  void check(const Acknowledged& acknowledged) {
    auto store = replay::Store::open(crash::store_options(directory_), crash::objective());
    ASSERT_TRUE(store) << store.error().message;
    crash::check_acknowledged(**store, acknowledged);
    next_ = (*store)->stats().decisions + 1'000'000 * ++restarts_;
    store->reset();
    crash::check_closed(directory_);
  }

  /// Once it is opened anew no text is left, and all else is there.
  void check_forgotten(const Acknowledged& acknowledged) {
    auto store = replay::Store::open(crash::forgetful_options(directory_), crash::objective());
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_TRUE((*store)->tick());
    crash::check_acknowledged(**store, acknowledged, false);
    ASSERT_TRUE((*store)->for_each_decision(1, [](const DecisionRecord& record) {
      EXPECT_FALSE(record.decision.query) << record.sequence;
      return true;
    }));
    next_ = (*store)->stats().decisions + 1'000'000 * ++restarts_;
    store->reset();
    crash::check_closed(directory_);
  }

  const std::uint64_t seed_ = crash::seed(2026);
  const testing::ScopedTrace trace_{__FILE__, __LINE__, "seed " + std::to_string(seed_)};
  std::filesystem::path directory_;
  std::uint64_t restarts_ = 0;
  std::uint64_t next_ = 1;  ///< no decision of this number was made yet
};

/// Moments in the writer's life (docs/development.md), and how often they pass in a second.
struct Failpoint {
  const char* name;
  std::uint64_t often;
};
constexpr Failpoint kFailpoints[] = {
    {"store.in_group", 2000},    {"store.before_log", 200}, {"store.after_log", 200},
    {"store.before_sync", 200},  {"store.after_sync", 200}, {"store.flush", 10},
    {"store.table_written", 10}, {"store.compaction", 2},   {"store.opened", 1}};

TEST_F(StoreCrash, WhatWasAcknowledgedBeforeAKillIsThereOnceAfterwards) {
  Rng rng(seed_);
  Acknowledged acknowledged;
  for (int kill = 0; kill < crash::rounds(kKills) && !HasFatalFailure(); ++kill) {
    if (kill % kRoundsAStore == 0) start_anew(acknowledged);
    WriterProcess writer(directory_, next_, "");
    const std::chrono::milliseconds moment(rng.below(300));
    read_acknowledged(writer.run_and_kill(moment), acknowledged);
    check(acknowledged);
  }
  EXPECT_GE(acknowledged["feedback"].size(), 20u);
}

TEST_F(StoreCrash, WhatWasAcknowledgedBeforeAFailpointIsThereOnceAfterwards) {
  Rng rng(seed_);
  Acknowledged acknowledged;
  const int rounds = crash::rounds(static_cast<int>(std::size(kFailpoints)));
  for (int round = 0; round < rounds && !HasFatalFailure(); ++round) {
    const Failpoint& point = kFailpoints[static_cast<std::size_t>(round) % std::size(kFailpoints)];
    const std::string armed =
        std::string(point.name) + ":" + std::to_string(1 + rng.below(point.often));
    SCOPED_TRACE(armed);
    if (round % kRoundsAStore == 0) start_anew(acknowledged);
    WriterProcess writer(directory_, next_, armed);
    // One that is not reached in this time is a kill like any other.
    read_acknowledged(writer.run_and_kill(std::chrono::seconds(3)), acknowledged);
    check(acknowledged);
  }
}

TEST_F(StoreCrash, TextsThatAreRemovedComeBackByNoFailpoint) {
  Rng rng(seed_);
  Acknowledged acknowledged;
  const int rounds = crash::rounds(static_cast<int>(std::size(kFailpoints)));
  for (int round = 0; round < rounds && !HasFatalFailure(); ++round) {
    const Failpoint& point = kFailpoints[static_cast<std::size_t>(round) % std::size(kFailpoints)];
    const std::string armed =
        std::string(point.name) + ":" + std::to_string(1 + rng.below(point.often));
    SCOPED_TRACE(armed);
    if (round % kRoundsAStore == 0) start_anew(acknowledged);
    WriterProcess writer(directory_, next_, armed, true);
    read_acknowledged(writer.run_and_kill(std::chrono::seconds(3)), acknowledged);
    check_forgotten(acknowledged);
  }
}

}  // namespace
}  // namespace yardmaster
