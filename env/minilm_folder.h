#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "env/safetensors.h"
#include "env/wordpiece.h"

namespace yardmaster::env {

/// The sizes of a BERT encoder, from config.json.
struct BertConfig {
  std::uint64_t layers = 0;
  std::uint64_t heads = 0;
  std::uint64_t hidden = 0;        ///< values of a token's vector; a multiple of heads
  std::uint64_t intermediate = 0;  ///< values inside the feed-forward part
  std::uint64_t vocabulary = 0;    ///< rows of the word embeddings
  std::uint64_t positions = 0;     ///< rows of the position embeddings
  std::uint64_t token_types = 0;   ///< rows of the token type embeddings
  double layer_norm_eps = 0;
};

/// Turns texts into the ids that the network takes. Immutable: any thread.
struct MiniLmTokenizer {
  /// [CLS], the text's ids as far as they fit, [SEP].
  std::vector<WordPiece::TokenId> tokenize(std::string_view text) const;

  WordPiece pieces;
  WordPiece::TokenId cls = 0;
  WordPiece::TokenId sep = 0;
  std::size_t max_tokens = 0;  ///< of a text, [CLS] and [SEP] included; the rest is cut off
};

/// A sentence encoder as Hugging Face's sentence-transformers keep it: a folder with config.json,
/// vocab.txt and model.safetensors, and, where they are, sentence_bert_config.json,
/// tokenizer_config.json and 1_Pooling/config.json.
struct MiniLmFolder {
  /// Fails with io where a file cannot be read, corrupt where one is damaged or contradicts
  /// another, unsupported where the network is no uncased BERT with mean pooling.
  static Result<MiniLmFolder> read(const std::string& path);

  /// Of all that a text's vector depends on, in hex.
  std::string fingerprint() const;

  BertConfig config;
  std::string vocabulary;  ///< one token a line
  MiniLmTokenizer tokenizer;
  Safetensors weights;
};

}  // namespace yardmaster::env
