#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace yardmaster::env {

/// A pattern of the user's. What matches it becomes "[name]".
struct RedactionPattern {
  std::string name;     ///< 1 to 32 letters, digits, '-' and '_'
  std::string pattern;  ///< in RE2's syntax, over UTF-8

  friend bool operator==(const RedactionPattern&, const RedactionPattern&) = default;
};

/// The most patterns of the user's that a redactor takes.
inline constexpr std::size_t kMostRedactionPatterns = 32;

/// What is found without a pattern of the user's: "email", "card", ...
std::span<const std::string_view> builtin_redactions();

/// Fail with invalid_argument, with a message that goes on from "it ". A pattern cannot be used for
/// its syntax, a size that would make matching slow, or where it matches the empty text.
Status check_redaction_name(std::string_view name);
Status check_redaction_pattern(std::string_view pattern);

/// Takes out of texts what must not be kept. Matching takes time in proportion to the text,
/// whatever the patterns (RE2): after 256 matches of one pattern the rest of the text is taken out
/// as a whole. Immutable; any thread.
class Redactor {
 public:
  /// `builtin` are names of builtin_redactions(), or "all". Fails with invalid_argument on one that
  /// there is not, on too many patterns, and as the checks above.
  static Result<std::unique_ptr<const Redactor>> make(std::span<const std::string> builtin,
                                                      std::span<const RedactionPattern> own);

  virtual ~Redactor() = default;

  /// The text with a mark such as "[email]" in place of each thing found; where things overlap, one
  /// mark for all of them. UTF-8 stays UTF-8.
  virtual std::string redact(std::string_view text) const = 0;
};

}  // namespace yardmaster::env
