#include "env/general_texts.h"

#include <algorithm>

#include "base/random.h"

namespace yardmaster::env {
namespace {

constexpr std::size_t kLeastLetters = 3;

/// '@' stands for a word, '#' for a number.
constexpr std::string_view kForms[] = {
    "What is @?",
    "Who was @ and what did they do?",
    "How does @ affect @?",
    "Explain the difference between @ and @.",
    "Write a python function that takes @ and returns @.",
    "Write a short story about @ and @.",
    "Summarize the following article about @: the @ of @ has changed since last year.",
    "Translate to french: the @ is near the @.",
    "Which of the following is true of @? A. @ B. @ C. @ D. none of these",
    "A company sells @ for $12 and @ for $30. How much do # of the first and # of the second cost?",
    "If x = # and y = #, what is the value of 3x + 2y?",
    "Find the derivative of f(x) = # x^3 - # x.",
    "Calculate the @ of a @ with a mass of # kg and a speed of # m/s.",
    "Give me five ideas for @.",
    "Write an email to my boss about @ and @.",
    "Is the following review positive or negative? The @ was good but the @ was too @.",
    "What is the capital of @?",
    "When did @ happen?",
    "Why is @ important in @?",
    "Fix this code: for @ in @: print(@)",
    "def @(@): return @ + #",
    "SELECT @ FROM @ WHERE @ > #;",
    "Complete the sentence: the man put the @ on the @ and then",
    "How do I cook @ with @?",
    "What are the side effects of @?",
    "A patient has @ and @. What is the most likely diagnosis?",
    "According to the law, may a @ be sued for @?",
    "Prove that the sum of @ and @ is even.",
    "Rewrite this to be more polite: give me the @.",
    "List the steps to install @ on @.",
    "Roleplay as @. Begin by asking me about @.",
    "@ @ @",
    "The @ of the @ was @ in the @.",
    "Let @ be a group of order #. How many elements of @ have order #?",
    "Classify @ as a person, a place or a thing.",
    "Hello! Can you help me with @?",
    "The main cause of @ in the #th century was @.",
    "Correct the grammar: he @ to @ yesterday with his @.",
    "Plan a trip of # days to @.",
    "Compare @, @ and @ in a table.",
};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

std::vector<std::string_view> whole_words(std::string_view vocabulary) {
  std::vector<std::string_view> words;
  while (!vocabulary.empty()) {
    const std::string_view line = vocabulary.substr(0, vocabulary.find('\n'));
    vocabulary.remove_prefix(std::min(line.size() + 1, vocabulary.size()));
    if (line.size() >= kLeastLetters && std::all_of(line.begin(), line.end(), is_letter)) {
      words.push_back(line);
    }
  }
  return words;
}

std::vector<std::string> general_texts(std::span<const std::string_view> words, std::size_t count,
                                       std::uint64_t seed) {
  Rng rng(seed);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) {
    std::string text;
    for (const char c : kForms[i % std::size(kForms)]) {
      if (c == '@') {
        text += words.empty() ? "it" : words[rng.below(words.size())];
      } else if (c == '#') {
        text += std::to_string(2 + rng.below(59));
      } else {
        text += c;
      }
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

}  // namespace yardmaster::env
