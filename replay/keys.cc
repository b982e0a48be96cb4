#include "replay/keys.h"

#include "replay/bytes.h"

namespace yardmaster::replay {
namespace {

constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;

void append_big_endian(std::uint64_t value, int bytes, std::string& out) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
}

std::uint64_t read_big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<std::uint8_t>(byte);
  return value;
}

}  // namespace

std::string sequence_key(std::uint64_t sequence) {
  std::string key;
  append_big_endian(sequence, 8, key);
  return key;
}

std::uint64_t read_sequence(std::string_view key) {
  return key.size() < 8 ? 0 : read_big_endian(key.substr(0, 8));
}

std::string feedback_key(std::uint64_t sequence, std::uint32_t arrival) {
  std::string key = sequence_key(sequence);
  append_big_endian(arrival, 4, key);
  return key;
}

std::uint32_t read_arrival(std::string_view key) {
  return static_cast<std::uint32_t>(read_big_endian(key.substr(8, 4)));
}

std::string due_key(Timestamp deadline, std::uint64_t sequence) {
  // The flipped sign bit puts times before 1970 before those after it.
  const auto micros = static_cast<std::uint64_t>(deadline.time_since_epoch().count());
  std::string key = sequence_key(micros ^ kSignBit);
  append_big_endian(sequence, 8, key);
  return key;
}

Timestamp read_deadline(std::string_view key) {
  const std::uint64_t micros = read_big_endian(key.substr(0, 8)) ^ kSignBit;
  return Timestamp(std::chrono::microseconds(static_cast<std::int64_t>(micros)));
}

std::uint64_t read_due_sequence(std::string_view key) {
  return key.size() < 16 ? 0 : read_big_endian(key.substr(8, 8));
}

std::string decision_id_key(const DecisionId& id) {
  std::string key(1, 'd');
  key.append(reinterpret_cast<const char*>(id.bytes().data()), id.bytes().size());
  return key;
}

std::string response_id_key(std::string_view response_id) {
  std::string key(1, 'r');
  key.append(response_id);
  return key;
}

std::string session_prefix(std::string_view session_id) {
  std::string key(1, 's');
  ByteWriter(key).put_text(session_id);
  return key;
}

std::string session_key(std::string_view session_id, std::uint64_t sequence) {
  std::string key = session_prefix(session_id);
  append_big_endian(sequence, 8, key);
  return key;
}

std::string idempotency_key(std::string_view scope, std::string_view key) {
  std::string out(1, 'k');
  ByteWriter(out).put_text(scope);
  out.append(key);
  return out;
}

std::string end_of_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<std::uint8_t>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

}  // namespace yardmaster::replay
