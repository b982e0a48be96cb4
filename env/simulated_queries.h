#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace yardmaster::env {

/// The number of subjects that the simulated world is about.
inline constexpr std::size_t kTopics = 8;

/// The words of one topic. A form holds "{}" where a subject goes; a form takes the subjects of
/// other topics too ("Write a poem about compound interest"), which is how topics mix.
struct TopicText {
  std::string_view name;
  std::span<const std::string_view> forms;
  std::span<const std::string_view> subjects;
};

/// The topics of the simulated world.
const std::array<TopicText, kTopics>& simulated_topics();

/// What a query asks for besides its subject: a tail of the text, how much longer the answer gets,
/// and how much harder a good one is (subtracted from quality).
struct AnswerStyle {
  std::string_view tail;
  double length_factor;
  double difficulty;
};

/// The styles; the first, an empty tail, is also that of any text without a known tail.
std::span<const AnswerStyle> simulated_styles();

/// The query at `index` of the stream `seed`: of one topic or, two times in five, of two. The same
/// on every machine. There are some 90,000 different ones.
std::string simulated_query(std::uint64_t seed, std::uint64_t index);

}  // namespace yardmaster::env
