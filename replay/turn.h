#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replay/database.h"

namespace yardmaster::replay {

/// One turn of the writer: what is committed, and the batch that is being made on top of it.
/// Names that the batch puts are found by the later records of the same turn. Not thread-safe.
class Turn {
 public:
  explicit Turn(Database::View view) : view_(std::move(view)), batch_(view_) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  const Database::View& view() const { return view_; }
  Batch& batch() { return batch_; }

  /// The value of a name in the family ids; nothing if there is none.
  Result<std::optional<std::string>> find_name(const std::string& key) const;
  void put_name(const std::string& key, std::string value);
  void remove_name(const std::string& key);

  /// The sequences of a session's decisions, ascending.
  Result<std::vector<std::uint64_t>> session(const std::string& session_id) const;
  void add_to_session(const std::string& session_id, std::uint64_t sequence);

 private:
  Database::View view_;
  Batch batch_;
  // Ordered, since clients choose the keys and a hash could be made to collide.
  std::map<std::string, std::optional<std::string>> names_;
  std::map<std::string, std::vector<std::uint64_t>> sessions_;
};

}  // namespace yardmaster::replay
