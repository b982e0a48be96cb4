#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "replay/verify.h"
#include "tests/crash/store_workload.h"

namespace yardmaster::crash {

/// Numbers of the workload's records that were acknowledged, by "decision", "outcome", "feedback".
using Acknowledged = std::map<std::string, std::set<std::uint64_t>>;

/// Everything acknowledged of `store` is there once and as it was, each with its one row; queries'
/// texts only `with_texts`.
inline void check_acknowledged(const replay::Store& store, const Acknowledged& acknowledged,
                               bool with_texts = true) {
  std::map<DecisionId, DecisionRecord> records;
  ASSERT_TRUE(store.for_each_decision(1, [&](const DecisionRecord& record) {
    EXPECT_TRUE(records.emplace(record.decision.id, record).second);
    return true;
  }));
  std::map<DecisionId, int> rows;
  const auto learned = store.rows_after(0, SIZE_MAX);
  ASSERT_TRUE(learned) << learned.error().message;
  for (const TrainingRow& row : *learned) {
    EXPECT_FALSE(row.replaces);
    ++rows[row.decision];
  }
  for (const auto& [what, numbers] : acknowledged) {
    for (const std::uint64_t n : numbers) {
      const auto found = records.find(decision_id(n));
      ASSERT_NE(found, records.end()) << what << " " << n << " is lost";
      Decision expected = decision(n);
      if (!with_texts) expected.query = found->second.decision.query;
      EXPECT_EQ(found->second.decision, expected);
      if (what == "outcome") {
        EXPECT_EQ(found->second.outcome, outcome(n)) << n;
      }
      if (what != "feedback") continue;
      ASSERT_EQ(found->second.feedback.size(), 1u) << "of decision " << n;
      EXPECT_EQ(found->second.feedback[0], feedback(n).feedback);
      EXPECT_EQ(rows[found->first], 1) << "rows of decision " << n;
    }
  }
}

/// What must hold of every store, and of one that is closed.
inline void check_closed(const std::filesystem::path& directory) {
  const Status verified = replay::verify(directory);
  EXPECT_TRUE(verified) << verified.error().message;
}

}  // namespace yardmaster::crash
