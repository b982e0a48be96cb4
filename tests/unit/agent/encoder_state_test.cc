#include "agent/encoder_state.h"

#include <gmock/gmock.h>

#include <fstream>

#include "tests/common/temp_dir.h"

namespace yardmaster::agent {
namespace {

using ::testing::HasSubstr;

const EncoderInUse kOld{"static", 7, 0};
const EncoderInUse kNew{"hash", 2, 0};

EncoderInUse with_rows(EncoderInUse encoder, std::uint64_t rows) {
  encoder.encode_rows_to = rows;
  return encoder;
}

TEST(EncoderState, ComesBackFromDiskAsItWas) {
  const test::TempDir dir;
  const auto file = encoder_state_file(dir.path(), "auto");
  EXPECT_EQ(read_encoder_state(file)->has_value(), false);
  const EncoderState state{kOld, with_rows(kNew, 12), {0.1, -1.0 / 3, 1e-30}};
  ASSERT_TRUE(write_encoder_state(file, state));
  EXPECT_EQ(**read_encoder_state(file), state);
  const EncoderState settled{with_rows(kNew, 12), {}, {}};
  ASSERT_TRUE(write_encoder_state(file, settled));
  EXPECT_EQ(**read_encoder_state(file), settled);
}

TEST(EncoderState, ADamagedFileIsAnErrorThatNamesIt) {
  const test::TempDir dir;
  const auto file = encoder_state_file(dir.path(), "auto");
  std::ofstream(file) << R"({"format":1,"serving":{}})";
  const auto read = read_encoder_state(file);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::corrupt);
  EXPECT_THAT(read.error().message, HasSubstr("auto.encoder.json"));
}

TEST(EncoderPlan, ARouterWithoutAPastDecidesWithTheConfigsEncoder) {
  EXPECT_EQ(plan_encoders("auto", {}, kNew, 0, "").state, (EncoderState{kNew, {}, {}}));
  const EncoderState stored{kOld, {}, {}};
  EXPECT_EQ(plan_encoders("auto", stored, kNew, 0, "").state, (EncoderState{kNew, {}, {}}))
      << "no rows, nothing to succeed";
}

TEST(EncoderPlan, AChangedEncoderBecomesTheSuccessorAndTheStoredRowsAreForItToEncode) {
  const EncoderState stored{kOld, {}, {}};
  const EncoderPlan plan = plan_encoders("auto", stored, kNew, 40, "");
  EXPECT_EQ(plan.state, (EncoderState{kOld, with_rows(kNew, 40), {}}));
  EXPECT_FALSE(plan.lost);
  EXPECT_THAT(plan.notice, HasSubstr("static (version 7) keeps serving; hash (version 2)"));
}

TEST(EncoderPlan, ASuccessionGoesOnAfterARestart) {
  const EncoderState stored{kOld, with_rows(kNew, 40), {0.5}};
  EXPECT_EQ(plan_encoders("auto", stored, kNew, 90, "").state, stored);
}

TEST(EncoderPlan, AnotherSuccessorStartsATrialOfItsOwn) {
  const EncoderState stored{kOld, with_rows(kNew, 40), {0.5}};
  const EncoderInUse third{"hash", 3, 0};
  EXPECT_EQ(plan_encoders("auto", stored, third, 90, "").state,
            (EncoderState{kOld, with_rows(third, 90), {}}));
}

TEST(EncoderPlan, TheOldEncoderBackInTheConfigEndsTheSuccession) {
  const EncoderState stored{kOld, with_rows(kNew, 40), {0.5}};
  const EncoderPlan plan = plan_encoders("auto", stored, kOld, 90, "");
  EXPECT_EQ(plan.state, (EncoderState{kOld, {}, {}}));
  EXPECT_THAT(plan.notice, HasSubstr("does not succeed it"));
}

TEST(EncoderPlan, WhereTheOldEncoderIsGoneTheNewOneServesAtOnceAndTheLogSaysWhy) {
  const EncoderState stored{kOld, {}, {}};
  const EncoderPlan plan = plan_encoders("auto", stored, kNew, 40, "old.bin: no such file");
  EXPECT_EQ(plan.state, (EncoderState{with_rows(kNew, 40), {}, {}}));
  EXPECT_TRUE(plan.lost);
  EXPECT_THAT(plan.notice, HasSubstr("no such file"));
  EXPECT_THAT(plan.notice, HasSubstr("hash (version 2) serves at once"));
}

TEST(EncoderPlan, AnEncoderOfTheSameNameAndAnotherVersionIsAnother) {
  const EncoderState stored{kOld, {}, {}};
  const EncoderInUse remade{"static", 8, 0};
  const EncoderPlan plan = plan_encoders("auto", stored, remade, 40, "it is version 8 now");
  EXPECT_EQ(plan.state.serving, with_rows(remade, 40));
  EXPECT_TRUE(plan.lost);
}

}  // namespace
}  // namespace yardmaster::agent
