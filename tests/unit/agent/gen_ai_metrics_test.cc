#include "agent/gen_ai_metrics.h"

#include <gtest/gtest.h>

namespace yardmaster::agent {
namespace {

TEST(GenAiMetrics, BoundsAreInclusiveAndTheLastBucketHasNone) {
  ValueHistogram<kTokenBounds> tokens;
  for (const double value : {0.0, 1.0, 2.0, 4.0, 5.0, 67108864.0, 67108865.0}) tokens.record(value);
  EXPECT_EQ(tokens.count(0), 2u);
  EXPECT_EQ(tokens.count(1), 2u);
  EXPECT_EQ(tokens.count(2), 1u);
  EXPECT_EQ(tokens.count(13), 1u);
  EXPECT_EQ(tokens.count(14), 1u);
  EXPECT_EQ(tokens.sum(), 134217741.0);
}

TEST(GenAiMetrics, ACallIsCountedWhereItBelongs) {
  GenAiMetrics calls;
  calls.record({0.3, 0.03, 10, 20, {}});
  calls.record({2, {}, {}, {}, GenAiCall::Error::limited});
  calls.record({{}, 0.1, {}, 5, {}});
  EXPECT_NEAR(calls.succeeded.sum(), 0.3, 1e-6);
  EXPECT_NEAR(calls.failed[2].sum(), 2, 1e-6);
  EXPECT_EQ(GenAiCall::kErrorNames[2], "429");
  EXPECT_EQ(calls.input_tokens.sum(), 10);
  EXPECT_EQ(calls.output_tokens.sum(), 25);
  EXPECT_NEAR(calls.first_token.sum(), 0.13, 1e-6);
}

TEST(GenAiMetrics, EachRouteIsAnOperation) {
  const auto operation = [](env::ApiRoute route) {
    return GenAiMetrics::kOperations[GenAiMetrics::operation_of(route)];
  };
  EXPECT_EQ(operation(env::ApiRoute::chat_completions), "chat");
  EXPECT_EQ(operation(env::ApiRoute::messages), "chat");
  EXPECT_EQ(operation(env::ApiRoute::responses), "chat");
  EXPECT_EQ(operation(env::ApiRoute::completions), "text_completion");
  EXPECT_EQ(operation(env::ApiRoute::embeddings), "embeddings");
}

}  // namespace
}  // namespace yardmaster::agent
