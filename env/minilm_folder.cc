#include "env/minilm_folder.h"

#include <bit>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "env/sha256.h"

namespace yardmaster::env {
namespace {

constexpr std::uint64_t kMaxTextFileBytes = 16u << 20;

Result<std::string> read_text(const std::string& path) {
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file) {
    return fail(ErrorCode::io, "cannot open " + path +
                                   "; a network's folder has config.json, vocab.txt and "
                                   "model.safetensors (scripts/fetch-minilm makes one)");
  }
  if (size > kMaxTextFileBytes) {
    return fail(ErrorCode::corrupt, path + " has " + std::to_string(size) + " bytes, at most " +
                                        std::to_string(kMaxTextFileBytes) + " are read");
  }
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return fail(ErrorCode::io, "cannot read " + path);
  return text;
}

/// The fields of one JSON file of the folder.
class JsonFile {
 public:
  static Result<JsonFile> read(const std::string& path) {
    auto text = read_text(path);
    if (!text) return fail(text.error());
    boost::system::error_code error;
    boost::json::value value = boost::json::parse(*text, error);
    if (error || !value.is_object()) return fail(ErrorCode::corrupt, path + " is no JSON object");
    return JsonFile(path, std::move(value.get_object()));
  }

  /// The same, and nothing at all where there is no such file.
  static Result<JsonFile> read_if_there(const std::string& path) {
    if (!std::filesystem::exists(path)) return JsonFile(path, {});
    return read(path);
  }

  Result<std::uint64_t> count(std::string_view key, std::uint64_t most) const {
    const boost::json::value* value = fields_.if_contains(key);
    if (value == nullptr || !value->is_int64() || value->get_int64() < 1 ||
        static_cast<std::uint64_t>(value->get_int64()) > most) {
      return fail(ErrorCode::corrupt, path_ + ": '" + std::string(key) +
                                          "' must be a whole number from 1 to " +
                                          std::to_string(most));
    }
    return static_cast<std::uint64_t>(value->get_int64());
  }

  bool contains(std::string_view key) const { return fields_.contains(key); }

  bool flag(std::string_view key, bool otherwise) const {
    const boost::json::value* value = fields_.if_contains(key);
    return value != nullptr && value->is_bool() ? value->get_bool() : otherwise;
  }

  double number(std::string_view key, double otherwise) const {
    const boost::json::value* value = fields_.if_contains(key);
    return value != nullptr && value->is_number() ? value->to_number<double>() : otherwise;
  }

  /// Fails unless the text field is `only`, or missing.
  Status require(std::string_view key, std::string_view only) const {
    const boost::json::value* value = fields_.if_contains(key);
    if (value == nullptr || (value->is_string() && value->get_string() == only)) return {};
    return fail(ErrorCode::unsupported, path_ + ": '" + std::string(key) + "' is " +
                                            boost::json::serialize(*value) + "; only \"" +
                                            std::string(only) + "\" is supported");
  }

 private:
  JsonFile(std::string path, boost::json::object fields)
      : path_(std::move(path)), fields_(std::move(fields)) {}

  std::string path_;
  boost::json::object fields_;
};

Status read_sizes(const std::string& path, BertConfig& config) {
  auto file = JsonFile::read(path);
  if (!file) return fail(file.error());
  for (const auto& [key, only] : {std::pair{"model_type", "bert"}, std::pair{"hidden_act", "gelu"},
                                  std::pair{"position_embedding_type", "absolute"}}) {
    if (Status supported = file->require(key, only); !supported) return supported;
  }
  struct Size {
    std::string_view key;
    std::uint64_t most;
    std::uint64_t* value;
  };
  for (const Size& size :
       {Size{"num_hidden_layers", 100, &config.layers},
        Size{"num_attention_heads", 256, &config.heads}, Size{"hidden_size", 8192, &config.hidden},
        Size{"intermediate_size", 65'536, &config.intermediate},
        Size{"vocab_size", 65'535, &config.vocabulary},
        Size{"max_position_embeddings", 65'536, &config.positions},
        Size{"type_vocab_size", 16, &config.token_types}}) {
    auto count = file->count(size.key, size.most);
    if (!count) return fail(count.error());
    *size.value = *count;
  }
  config.layer_norm_eps = file->number("layer_norm_eps", 1e-12);
  if (config.hidden % config.heads != 0) {
    return fail(ErrorCode::corrupt, path +
                                        ": 'hidden_size' is not a multiple of "
                                        "'num_attention_heads'");
  }
  if (!(config.layer_norm_eps > 0 && config.layer_norm_eps < 1)) {
    return fail(ErrorCode::corrupt, path + ": 'layer_norm_eps' must lie between 0 and 1");
  }
  return {};
}

/// The most tokens of a text: sentence-transformers' setting, else the network's own bound.
Result<std::size_t> read_max_tokens(const std::string& path, std::uint64_t positions) {
  auto file = JsonFile::read_if_there(path);
  if (!file) return fail(file.error());
  if (!file->contains("max_seq_length")) return positions;
  auto most = file->count("max_seq_length", positions);
  if (!most) return fail(most.error());
  if (*most < 3) return fail(ErrorCode::corrupt, path + ": 'max_seq_length' must be at least 3");
  return *most;
}

/// Fails where the folder asks for what a mean over uncased word pieces is not.
Status check_kind(const std::string& path) {
  auto tokenizer = JsonFile::read_if_there(path + "/tokenizer_config.json");
  if (!tokenizer) return fail(tokenizer.error());
  if (!tokenizer->flag("do_lower_case", true)) {
    return fail(ErrorCode::unsupported,
                path +
                    "/tokenizer_config.json: 'do_lower_case' is false; only uncased networks "
                    "are supported");
  }
  auto pooling = JsonFile::read_if_there(path + "/1_Pooling/config.json");
  if (!pooling) return fail(pooling.error());
  const bool others = pooling->flag("pooling_mode_cls_token", false) ||
                      pooling->flag("pooling_mode_max_tokens", false) ||
                      pooling->flag("pooling_mode_mean_sqrt_len_tokens", false);
  if (others || !pooling->flag("pooling_mode_mean_tokens", true)) {
    return fail(ErrorCode::unsupported,
                path + "/1_Pooling/config.json: only mean pooling is supported");
  }
  return {};
}

/// The line of `vocabulary` that is `token`.
std::optional<WordPiece::TokenId> id_of(std::string_view vocabulary, std::string_view token) {
  std::size_t id = 0;
  while (!vocabulary.empty()) {
    std::string_view line = vocabulary.substr(0, vocabulary.find('\n'));
    vocabulary.remove_prefix(std::min(line.size() + 1, vocabulary.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line == token) return static_cast<WordPiece::TokenId>(id);
    ++id;
  }
  return std::nullopt;
}

}  // namespace

Result<MiniLmFolder> MiniLmFolder::read(const std::string& path) {
  BertConfig config;
  if (Status sizes = read_sizes(path + "/config.json", config); !sizes) return fail(sizes.error());
  const auto max_tokens = read_max_tokens(path + "/sentence_bert_config.json", config.positions);
  if (!max_tokens) return fail(max_tokens.error());
  if (Status kind = check_kind(path); !kind) return fail(kind.error());

  auto vocabulary = read_text(path + "/vocab.txt");
  if (!vocabulary) return fail(vocabulary.error());
  auto pieces = WordPiece::make(*vocabulary);
  if (!pieces) {
    return fail(ErrorCode::corrupt, path + "/vocab.txt: " + pieces.error().message);
  }
  const auto cls = id_of(*vocabulary, "[CLS]");
  const auto sep = id_of(*vocabulary, "[SEP]");
  if (!cls || !sep || pieces->vocabulary_size() > config.vocabulary) {
    return fail(ErrorCode::corrupt, path + "/vocab.txt has " +
                                        std::to_string(pieces->vocabulary_size()) +
                                        " tokens; it must hold [CLS] and [SEP] and at most the " +
                                        std::to_string(config.vocabulary) + " of config.json");
  }
  auto weights = Safetensors::read(path + "/model.safetensors");
  if (!weights) return fail(weights.error());
  return MiniLmFolder{config, std::move(*vocabulary),
                      MiniLmTokenizer{std::move(*pieces), *cls, *sep, *max_tokens},
                      std::move(*weights)};
}

std::string MiniLmFolder::fingerprint() const {
  std::string parts = weights.sha256() + ' ' + sha256_hex(vocabulary);
  for (const std::uint64_t size : {config.layers, config.heads, config.hidden, config.intermediate,
                                   std::uint64_t{tokenizer.max_tokens}}) {
    parts += ' ' + std::to_string(size);
  }
  return sha256_hex(parts + ' ' +
                    std::to_string(std::bit_cast<std::uint64_t>(config.layer_norm_eps)));
}

std::vector<WordPiece::TokenId> MiniLmTokenizer::tokenize(std::string_view text) const {
  std::vector<WordPiece::TokenId> ids{cls};
  pieces.tokenize(text, ids);
  ids.resize(std::min(ids.size(), max_tokens - 1));
  ids.push_back(sep);
  return ids;
}

}  // namespace yardmaster::env
