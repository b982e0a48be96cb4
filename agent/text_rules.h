#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "agent/config.h"
#include "base/decision.h"
#include "base/result.h"
#include "env/redactor.h"

namespace yardmaster::agent {

/// What of clients' texts may reach the store, by `store_queries`. Immutable; any thread.
class TextRules {
 public:
  /// Nothing is kept, nothing taken out, nothing too old.
  TextRules() = default;

  /// Fails as env::Redactor::make().
  static Result<TextRules> make(const StoreQueriesConfig& config);

  bool keeps_queries() const { return keeps_queries_; }

  /// How long the texts of queries are kept; 0: no limit.
  std::chrono::microseconds max_age() const { return max_age_; }

  /// A query's text as it is kept. Where a long one was cut, what stood there cannot be recognised
  /// any more; so the last word goes too, and the words with digits before it.
  std::string query(std::string_view text) const;

  /// Any other text as it is kept: comments, errors.
  std::string other(std::string text) const;

  /// Makes a record that comes from elsewhere as one that was made here.
  void apply(DecisionRecord& record) const;

  /// Takes a text out that is beyond its age.
  void forget(Decision& decision, Timestamp now) const;

 private:
  bool keeps_queries_ = false;
  std::chrono::microseconds max_age_{0};
  std::size_t max_bytes_ = 0;
  std::unique_ptr<const env::Redactor> redactor_;  ///< nullptr: nothing is taken out
};

}  // namespace yardmaster::agent
