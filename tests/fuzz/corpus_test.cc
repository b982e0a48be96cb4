// Every fuzz target over its corpus, with the compiler and the flags of all other tests.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/fuzz/fuzz.h"

namespace yardmaster {
namespace {

namespace fs = std::filesystem;

fs::path corpus() { return fs::path(YARDMASTER_SOURCE_DIR) / "tests/fuzz/corpus"; }

class FuzzCorpus : public ::testing::TestWithParam<fuzz::Target> {};

TEST_P(FuzzCorpus, EachInputPasses) {
  std::size_t inputs = 0;
  for (const auto& entry : fs::directory_iterator(corpus() / GetParam().name)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    SCOPED_TRACE(entry.path().string());
    // A copy of just its size, so that the sanitizers see a read beyond it.
    const std::vector<char> exact(bytes.begin(), bytes.end());
    GetParam().run({exact.data(), exact.size()});
    // Cut short anywhere, it must be refused as gracefully as it was taken.
    for (const std::size_t part : {1, 2, 3}) {
      const std::vector<char> cut(exact.begin(), exact.begin() + exact.size() * part / 4);
      GetParam().run({cut.data(), cut.size()});
    }
    ++inputs;
  }
  EXPECT_GT(inputs, 0u) << "give the target inputs of each kind that its parser takes";
}

INSTANTIATE_TEST_SUITE_P(Targets, FuzzCorpus, ::testing::ValuesIn(fuzz::targets()),
                         [](const auto& target) { return std::string(target.param.name); });

TEST(FuzzCorpusFolder, HasNoFolderWithoutATarget) {
  for (const auto& entry : fs::directory_iterator(corpus())) {
    const std::string name = entry.path().filename().string();
    EXPECT_TRUE(std::any_of(fuzz::targets().begin(), fuzz::targets().end(),
                            [&](const fuzz::Target& target) { return target.name == name; }))
        << name;
  }
}

}  // namespace
}  // namespace yardmaster
