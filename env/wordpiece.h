#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace yardmaster::env {

/// BERT's uncased tokenizer: clean, lower-case, strip accents, split at white space, punctuation
/// and CJK characters, then take the longest known piece again and again (Devlin et al., "BERT",
/// 2019; Wu et al., "Google's Neural Machine Translation System", 2016). Gives the ids that Hugging
/// Face's `tokenizers` gives with clean_text, handle_chinese_chars and lowercase on, without
/// [CLS] and [SEP]. Plain ASCII takes a path of its own that allocates nothing but the output.
/// Immutable after construction: any thread.
class WordPiece {
 public:
  using TokenId = std::uint16_t;

  /// `vocabulary` has one token a line; a token's id is its line, from 0. Fails with corrupt where
  /// it is empty, exceeds 65,534 tokens, lacks [UNK], or holds a token of more than 64 bytes.
  static Result<WordPiece> make(std::string vocabulary);

  /// Appends the ids of `text`. Bytes that are not UTF-8 are left out, as U+FFFD is.
  void tokenize(std::string_view text, std::vector<TokenId>& ids) const;

  std::size_t vocabulary_size() const { return offsets_.size() - 1; }

 private:
  class Word;
  class Normalizer;
  static constexpr TokenId kEmpty = 0xffff;
  /// Four bytes: the whole table stays in a core's own cache.
  struct Slot {
    std::uint16_t tag = 0;
    TokenId id = kEmpty;
  };
  struct SpecialToken {
    std::string text;
    TokenId id;
  };

  explicit WordPiece(std::string vocabulary) : vocabulary_(std::move(vocabulary)) {}

  std::string_view token(TokenId id) const;
  bool is_piece(TokenId id, std::string_view piece, bool continues) const;
  Status index_tokens();
  void insert(std::string_view piece, bool continues, TokenId id);
  /// The token of a piece with that hash; kEmpty for none.
  TokenId find(std::string_view piece, bool continues, std::uint64_t hash) const;
  TokenId find_longest(std::string_view rest, bool continues, std::size_t& length) const;
  void tokenize_plain(std::string_view text, std::vector<TokenId>& ids) const;
  void split_word(Word& word, std::vector<TokenId>& ids) const;

  std::string vocabulary_;
  std::vector<std::uint32_t> offsets_;  ///< of each token's first byte; one past the last
  std::vector<Slot> slots_;             ///< open addressing, a power of two
  std::vector<SpecialToken> special_;   ///< recognised verbatim, before anything else
  std::size_t longest_ = 0;             ///< bytes of the longest piece
  TokenId unknown_ = 0;
};

}  // namespace yardmaster::env
