#include "env/candidate_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace yardmaster::env {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// small (8,192 tokens, text only), large (128,000 tokens, images), unlimited (nothing known).
ModelPool three_models() {
  ModelSpec small;
  small.name = "small";
  small.upstream = "u";
  small.context_tokens = 8192;
  small.max_output_tokens = 4096;
  small.tools = false;
  ModelSpec large;
  large.name = "large";
  large.upstream = "u";
  large.context_tokens = 128'000;
  large.images = true;
  ModelSpec unlimited;
  unlimited.name = "unlimited";
  return *ModelPool::make({small, large, unlimited});
}

TEST(CandidateFilter, LetsEveryModelServeAPlainShortQuery) {
  const auto candidates = filter_candidates({}, three_models(), {.input_tokens = 100});
  ASSERT_TRUE(candidates);
  EXPECT_THAT(candidates->models, ElementsAre(0, 1, 2));
  EXPECT_THAT(candidates->filtered, IsEmpty());
}

TEST(CandidateFilter, AModelNeedsAllRequiredTagsAndNoExcludedOne) {
  ModelSpec both;
  both.name = "both";
  both.tags = {"eu", "own"};
  ModelSpec one;
  one.name = "one";
  one.tags = {"eu"};
  ModelSpec none;
  none.name = "none";
  const ModelPool pool = *ModelPool::make({both, one, none});
  const std::vector<std::string> eu{"eu"};
  const std::vector<std::string> own{"own"};
  const std::vector<TagRule> required{{"the key", eu, {}}, {"the request", own, {}}};
  const auto strict = filter_candidates({}, pool, {.tags = required});
  ASSERT_TRUE(strict);
  EXPECT_THAT(strict->models, ElementsAre(0));
  EXPECT_THAT(strict->filtered,
              ElementsAre(FilteredModel{"one", "no tag 'own', which the request requires"},
                          FilteredModel{"none", "no tag 'eu', which the key requires"}));
  const std::vector<TagRule> excluded{{"the request", {}, own}};
  const auto others = filter_candidates({}, pool, {.tags = excluded});
  ASSERT_TRUE(others);
  EXPECT_THAT(others->models, ElementsAre(1, 2));
  EXPECT_THAT(others->filtered,
              ElementsAre(FilteredModel{"both", "tag 'own', which the request excludes"}));
}

TEST(CandidateFilter, SaysWhyTheContextWindowIsTooSmall) {
  const auto candidates = filter_candidates({}, three_models(), {.input_tokens = 9000});
  ASSERT_TRUE(candidates);
  EXPECT_THAT(candidates->models, ElementsAre(1, 2));
  EXPECT_THAT(candidates->filtered,
              ElementsAre(FilteredModel{"small", "context window 8192 < 9000 + 1024 tokens"}));
}

TEST(CandidateFilter, CountsTheOutputTokensThatTheClientAsksFor) {
  Query query;
  query.max_output_tokens = 192;
  EXPECT_TRUE(filter_candidates(query, three_models(), {.input_tokens = 8000})->filtered.empty());
  query.max_output_tokens = 193;
  EXPECT_THAT(filter_candidates(query, three_models(), {.input_tokens = 8000})->filtered,
              ElementsAre(FilteredModel{"small", "context window 8192 < 8000 + 193 tokens"}));
}

TEST(CandidateFilter, LeavesOutModelsWithoutChatAndThoseWhoseUpstreamCannotBeAskedThis) {
  ModelSpec claude;
  claude.name = "claude";
  claude.at_anthropic = true;
  ModelSpec other;
  other.name = "other";
  ModelSpec embedding;
  embedding.name = "embedding";
  embedding.chat = false;
  const ModelPool pool = *ModelPool::make({claude, other, embedding});
  Query query;
  query.beyond_anthropic = "logprobs";
  EXPECT_THAT(filter_candidates(query, pool, {})->filtered,
              ElementsAre(FilteredModel{"claude", "Anthropic's API has no logprobs"},
                          FilteredModel{"embedding", "no chat"}));
}

TEST(CandidateFilter, LeavesOutModelsThatCannotDoWhatTheQueryNeeds) {
  Query image;
  image.has_images = true;
  EXPECT_THAT(filter_candidates(image, three_models(), {})->filtered,
              ElementsAre(FilteredModel{"small", "no image input"},
                          FilteredModel{"unlimited", "no image input"}));
  Query tools;
  tools.has_tools = true;
  EXPECT_THAT(filter_candidates(tools, three_models(), {})->filtered,
              ElementsAre(FilteredModel{"small", "no tool calls"}));
  Query long_answer;
  long_answer.max_output_tokens = 5000;
  EXPECT_THAT(filter_candidates(long_answer, three_models(), {})->filtered,
              ElementsAre(FilteredModel{"small", "at most 4096 output tokens, 5000 asked for"}));
}

TEST(CandidateFilter, HonoursTheListsOfTheRequestAndTheNeedForAnUpstream) {
  const std::vector<std::string> allow{"small", "unlimited"};
  const std::vector<std::string> deny{"small"};
  const auto candidates = filter_candidates({}, three_models(), {.allow = allow, .deny = deny});
  ASSERT_TRUE(candidates);
  EXPECT_THAT(candidates->models, ElementsAre(2));
  EXPECT_THAT(candidates->filtered,
              ElementsAre(FilteredModel{"small", "denied by the request"},
                          FilteredModel{"large", "not among the models that the request allows"}));
  EXPECT_THAT(filter_candidates({}, three_models(), {.needs_upstream = true})->models,
              ElementsAre(0, 1));
}

TEST(CandidateFilter, TellsATooLongQueryFromAnImpossibleOne) {
  const std::vector<std::string> small{"small"};
  const auto too_long =
      filter_candidates({}, three_models(), {.input_tokens = 9000, .allow = small});
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, ErrorCode::context_length_exceeded);
  EXPECT_THAT(too_long.error().message,
              HasSubstr("small: context window 8192 < 9000 + 1024 tokens"));
  EXPECT_THAT(too_long.error().message,
              HasSubstr("large: not among the models that the request allows"));

  const std::vector<std::string> typo{"smal"};
  const auto impossible = filter_candidates({}, three_models(), {.allow = typo});
  ASSERT_FALSE(impossible);
  EXPECT_EQ(impossible.error().code, ErrorCode::no_candidate);
  EXPECT_THAT(impossible.error().message, HasSubstr("smal: allowed by the request, but not in"));
}

TEST(CandidateFilter, SaysTryAgainWhereHealthAloneIsInTheWay) {
  const std::vector<std::string> down(3, "not healthy: 5 failures");
  const auto candidates = filter_candidates({}, three_models(), {.down = down});
  ASSERT_FALSE(candidates);
  EXPECT_EQ(candidates.error().code, ErrorCode::unavailable);
  EXPECT_THAT(candidates.error().message, HasSubstr("large: not healthy: 5 failures"));

  const std::vector<std::string> one_down{"", "not healthy", ""};
  EXPECT_THAT(filter_candidates({}, three_models(), {.down = one_down})->models, ElementsAre(0, 2));
}

}  // namespace
}  // namespace yardmaster::env
