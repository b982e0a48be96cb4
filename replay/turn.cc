#include "replay/turn.h"

namespace yardmaster::replay {

Result<std::optional<std::string>> Turn::find_name(const std::string& key) const {
  const auto pending = names_.find(key);
  if (pending != names_.end()) return pending->second;
  return view_.get(Family::ids, key);
}

void Turn::put_name(const std::string& key, std::string value) {
  batch_.put(Family::ids, key, value);
  names_.insert_or_assign(key, std::move(value));
}

void Turn::remove_name(const std::string& key) {
  batch_.remove(Family::ids, key);
  names_.insert_or_assign(key, std::nullopt);
}

Result<std::vector<std::uint64_t>> Turn::session(const std::string& session_id) const {
  const std::string prefix = session_prefix(session_id);
  std::vector<std::uint64_t> sequences;
  const Status read = view_.visit(Family::ids, prefix, end_of_prefix(prefix),
                                  [&](std::string_view key, std::string_view) {
                                    if (key.size() == prefix.size() + 8) {
                                      sequences.push_back(read_sequence(key.substr(prefix.size())));
                                    }
                                    return true;
                                  });
  if (!read) return fail(read.error());
  const auto pending = sessions_.find(session_id);
  if (pending != sessions_.end()) {
    sequences.insert(sequences.end(), pending->second.begin(), pending->second.end());
  }
  return sequences;
}

void Turn::add_to_session(const std::string& session_id, std::uint64_t sequence) {
  batch_.put(Family::ids, session_key(session_id, sequence), {});
  sessions_[session_id].push_back(sequence);
}

}  // namespace yardmaster::replay
