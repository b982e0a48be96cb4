// The store's records: the first byte says of which kind the rest is.

#include "replay/codec.h"
#include "tests/fuzz/fuzz.h"

using namespace yardmaster;
using fuzz::require;

namespace {

/// Compared as bytes, since values may hold numbers that do not equal themselves.
template <class T>
void check(std::string_view bytes, Result<T> (*decode)(std::string_view)) {
  const Result<T> value = decode(bytes);
  if (!value) return;
  const std::string once = replay::encoded(*value);
  const Result<T> again = decode(once);
  require(again.has_value(), "what was encoded can be decoded");
  require(replay::encoded(*again) == once, "and is the same");
}

}  // namespace

FUZZ(record) {
  switch (fuzz::take_byte(input) % 7) {
    case 0:
      return check(input, replay::decode_decision);
    case 1:
      return check(input, replay::decode_event);
    case 2:
      return check(input, replay::decode_row);
    case 3:
      return check(input, replay::decode_join_mark);
    case 4:
      return check(input, replay::decode_key_use);
    case 5:
      return check(input, replay::decode_counters);
    default:
      return check(input, replay::decode_text_marks);
  }
}
