#include "env/safetensors.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <cstring>

namespace yardmaster::env {
namespace {

/// A file with that header and `data_bytes` bytes of data: the 32-bit floats 0, 1, 2, ...
std::string file_of(std::string_view header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
  bytes += header;
  for (std::size_t i = 0; i < data_bytes; i += sizeof(float)) {
    const auto value = static_cast<float>(i / sizeof(float));
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return bytes;
}

ErrorCode error_of(std::string_view header, std::size_t data_bytes) {
  const auto file = Safetensors::parse(file_of(header, data_bytes), "test");
  return file ? ErrorCode::unavailable : file.error().code;
}

TEST(SafetensorsFile, GivesATensorsValues) {
  const auto file =
      Safetensors::parse(file_of(R"({"__metadata__":{"format":"pt"},)"
                                 R"("b":{"dtype":"F32","shape":[2,2],"data_offsets":[4,20]},)"
                                 R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                                 20),
                         "test");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->floats("b", std::array<std::uint64_t, 2>{2, 2}).value(),
            (std::vector<float>{1, 2, 3, 4}));
}

TEST(SafetensorsFile, GivesATensorWithoutValues) {
  const auto file = Safetensors::parse(
      file_of(R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}})", 4), "test");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_TRUE(file->floats("a", std::array<std::uint64_t, 1>{0}).value().empty());
}

TEST(SafetensorsFile, WidensHalfPrecision) {
  std::string bytes = file_of(R"({"h":{"dtype":"F16","shape":[3],"data_offsets":[0,6]},)"
                              R"("b":{"dtype":"BF16","shape":[1],"data_offsets":[6,8]}})",
                              0);
  // 1.5, -2 and 2^-24, the least there is; then -0.5 as bfloat16.
  for (const std::uint16_t bits : std::array<std::uint16_t, 4>{0x3e00, 0xc000, 0x0001, 0xbf00}) {
    bytes.append(reinterpret_cast<const char*>(&bits), sizeof bits);
  }
  const auto file = Safetensors::parse(bytes, "test");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->floats("h", std::array<std::uint64_t, 1>{3}).value(),
            (std::vector<float>{1.5f, -2.0f, 0x1p-24f}));
  EXPECT_EQ(file->floats("b", std::array<std::uint64_t, 1>{1}).value(),
            (std::vector<float>{-0.5f}));
}

TEST(SafetensorsFile, RefusesOffsetsBeyondTheData) {
  EXPECT_EQ(error_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 8),
            ErrorCode::corrupt);
}

TEST(SafetensorsFile, RefusesOffsetsInTheWrongOrder) {
  EXPECT_EQ(error_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}})", 8),
            ErrorCode::corrupt);
}

TEST(SafetensorsFile, RefusesAShapeThatIsNotTheSizeOfTheData) {
  EXPECT_EQ(error_of(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8),
            ErrorCode::corrupt);
}

TEST(SafetensorsFile, RefusesAShapeWhoseSizeOverflows) {
  // 2^62 times 4 bytes times 1 wraps around to 0.
  EXPECT_EQ(error_of(R"({"a":{"dtype":"F32","shape":[4611686018427387904,1],)"
                     R"("data_offsets":[0,0]}})",
                     8),
            ErrorCode::corrupt);
}

TEST(SafetensorsFile, RefusesNegativeNumbers) {
  EXPECT_EQ(error_of(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 8),
            ErrorCode::corrupt);
  EXPECT_EQ(error_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}})", 8),
            ErrorCode::corrupt);
}

TEST(SafetensorsFile, RefusesAHeaderLongerThanTheFile) {
  std::string bytes = file_of("{}", 8);
  bytes[1] = 1;
  EXPECT_FALSE(Safetensors::parse(bytes, "test"));
}

TEST(SafetensorsFile, RefusesATensorOfAnotherShapeOrType) {
  const auto file =
      Safetensors::parse(file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                                 R"("i":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}})",
                                 8),
                         "test");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_FALSE(file->floats("a", std::array<std::uint64_t, 2>{1, 2}));
  EXPECT_FALSE(file->floats("i", std::array<std::uint64_t, 1>{2}));
  EXPECT_FALSE(file->floats("missing", std::array<std::uint64_t, 1>{2}));
}

TEST(SafetensorsFile, NeverReadsBeyondItsBytes) {
  // Under AddressSanitizer a read outside the file ends the test.
  const std::string good = file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8);
  EXPECT_TRUE(rc::check([&good] {
    std::string bytes = good;
    const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    bytes[at] = *rc::gen::arbitrary<char>();
    bytes.resize(*rc::gen::inRange<std::size_t>(0, bytes.size() + 1));
    if (const auto file = Safetensors::parse(bytes, "test")) {
      std::ignore = file->floats("a", std::array<std::uint64_t, 1>{2});
    }
  }));
}

}  // namespace
}  // namespace yardmaster::env
