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
  /// it is empty, exceeds 65,535 tokens, lacks [UNK], or holds a token of more than 64 bytes.
  static Result<WordPiece> make(std::string vocabulary);

  /// Appends the ids of `text`. Bytes that are not UTF-8 are left out, as U+FFFD is.
  void tokenize(std::string_view text, std::vector<TokenId>& ids) const;

  std::size_t vocabulary_size() const { return offsets_.size() - 1; }

 private:
  class Word;
  class Normalizer;
  struct Slot {
    std::uint32_t tag = 0;
    TokenId id = 0;
    bool used = false;
    bool continues = false;  ///< the token is written with ## before it
  };
  struct SpecialToken {
    std::string text;
    TokenId id;
  };

  explicit WordPiece(std::string vocabulary) : vocabulary_(std::move(vocabulary)) {}

  std::string_view token(TokenId id) const;
  Status index_tokens();
  void insert(std::string_view piece, bool continues, TokenId id);
  /// The token that is the first `length` bytes of `piece`, whose hash is `hash`; -1 for none.
  int find(const char* piece, std::size_t length, bool continues, std::uint64_t hash) const;
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
