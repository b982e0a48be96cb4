#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/assembly.h"
#include "tests/common/scripted_server.h"
#include "tests/integration/daemon_fixture.h"

namespace yardmaster::test {

/// A daemon in front of scripted upstreams, and what its log holds in the end.
class HedgeFixture : public DaemonFixture {
 protected:
  /// For more_upstreams_.
  static std::string upstream_entry(const std::string& name, const ScriptedServer& server) {
    return ", {name: " + name + ", base_url: 'http://127.0.0.1:" + std::to_string(server.port()) +
           "/v1'}";
  }

  /// All decisions of the log, once the daemon has stopped.
  std::vector<DecisionRecord> decisions() {
    stop();
    auto assembly = agent::Assembly::make(*read_config(more_));
    auto store = assembly->open_store();
    std::vector<DecisionRecord> records;
    const Status read = (*store)->for_each_decision(1, [&](const DecisionRecord& record) {
      records.push_back(record);
      return true;
    });
    EXPECT_TRUE(read);
    return records;
  }
};

}  // namespace yardmaster::test
