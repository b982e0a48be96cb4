// A vocabulary, a NUL, and the text that it cuts.

#include "env/wordpiece.h"
#include "tests/fuzz/fuzz.h"

using namespace yardmaster;
using fuzz::require;

FUZZ(wordpiece) {
  const std::size_t end = input.find('\0');
  const auto pieces = env::WordPiece::make(std::string(input.substr(0, end)));
  if (!pieces || end == std::string_view::npos) return;
  const std::string_view text = input.substr(end + 1);
  std::vector<env::WordPiece::TokenId> ids;
  pieces->tokenize(text, ids);
  for (const auto id : ids) require(id < pieces->vocabulary_size(), "an id is a token's");
  require(ids.size() <= 4 * text.size(), "no more tokens than characters after normalisation");
}
