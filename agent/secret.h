#pragma once

#include <ostream>
#include <string>
#include <utility>

namespace yardmaster::agent {

/// A text that must not reach a log, an error or a resolved config. Printing one prints "***";
/// only reveal() gives the text away.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  bool empty() const { return text_.empty(); }

  /// For the one place that sends it.
  const std::string& reveal() const { return text_; }

  friend std::ostream& operator<<(std::ostream& out, const Secret& secret) {
    return out << (secret.empty() ? "" : "***");
  }

 private:
  std::string text_;
};

}  // namespace yardmaster::agent
