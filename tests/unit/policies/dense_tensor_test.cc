#include "policies/dense_tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace yardmaster::policies {
namespace {

using testing::ElementsAre;

DenseTensor one_two_three() {
  auto tensor = DenseTensor::zeros({3});
  for (int i = 0; i < 3; ++i) tensor.data()[i] = i + 1;
  return tensor;
}

TEST(DenseTensor, ACopyHasValuesOfItsOwn) {
  DenseTensor first = one_two_three();
  const DenseTensor second = first;
  first.data()[0] = 9;
  EXPECT_THAT(second.values(), ElementsAre(1, 2, 3));
  EXPECT_TRUE(DenseTensor().empty());
}

TEST(DenseTensor, MovesToADeviceAndBackOrSaysWhyNot) {
  DenseTensor tensor = one_two_three();
  EXPECT_EQ(tensor.to("tpu").error().code, ErrorCode::invalid_argument);
  if (const auto moved = tensor.to("cuda"); moved) {
    EXPECT_TRUE(tensor.empty());
  } else {
    EXPECT_EQ(moved.error().code, ErrorCode::unavailable);
  }
  ASSERT_TRUE(tensor.to("cpu"));
  EXPECT_THAT(tensor.values(), ElementsAre(1, 2, 3));
}

TEST(TensorArchive, GivesBackWhatWasPutIn) {
  TensorArchive out;
  out.put("t", one_two_three());
  out.put("nothing", DenseTensor());
  out.put("text", std::string_view("a\0b", 3));
  std::stringstream stream;
  ASSERT_TRUE(out.write(stream));
  TensorArchive in;
  ASSERT_TRUE(in.read(stream));
  EXPECT_THAT(in.tensor("t", 3)->values(), ElementsAre(1, 2, 3));
  EXPECT_TRUE(in.tensor("nothing", 0)->empty());
  EXPECT_EQ(*in.bytes("text"), std::string("a\0b", 3));
}

TEST(TensorArchive, WhatIsMissingOrOfAnotherSizeIsCorrupt) {
  TensorArchive archive;
  archive.put("t", one_two_three());
  EXPECT_EQ(archive.tensor("u", 3).error().code, ErrorCode::corrupt);
  EXPECT_EQ(archive.tensor("t", 4).error().code, ErrorCode::corrupt);
  EXPECT_EQ(archive.bytes("t").error().code, ErrorCode::corrupt);
  std::istringstream nonsense("nonsense");
  EXPECT_EQ(archive.read(nonsense).error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace yardmaster::policies
