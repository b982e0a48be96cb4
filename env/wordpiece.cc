#include "env/wordpiece.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <bit>

namespace yardmaster::env {
namespace {

constexpr std::size_t kMaxWordCharacters = 100;
constexpr std::size_t kMaxPieceBytes = 64;
constexpr std::uint64_t kWordSeed = 0x9e3779b97f4a7c15ULL;
constexpr std::uint64_t kContinuationSeed = 0xc2b2ae3d27d4eb4fULL;

constexpr std::uint64_t extend(std::uint64_t hash, char byte) {
  return (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
}

/// Spreads the FNV hash's entropy, which gathers in the high bits, over all of them.
constexpr std::uint64_t finish(std::uint64_t hash) {
  return (hash ^ (hash >> 32)) * 0x9fb21c651e98df25ULL;
}

constexpr std::uint64_t seed_of(bool continues) {
  return continues ? kContinuationSeed : kWordSeed;
}

enum class ByteClass : std::uint8_t { letter, space, punctuation, dropped, beyond_ascii };

constexpr std::array<ByteClass, 256> kByteClasses = [] {
  std::array<ByteClass, 256> classes{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool alphanumeric = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                              (byte >= 'a' && byte <= 'z');
    ByteClass& result = classes[byte];
    if (byte >= 0x80) {
      result = ByteClass::beyond_ascii;
    } else if (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r') {
      result = ByteClass::space;
    } else if (byte < 0x20 || byte == 0x7f) {
      result = ByteClass::dropped;
    } else {
      result = alphanumeric ? ByteClass::letter : ByteClass::punctuation;
    }
  }
  return classes;
}();

constexpr ByteClass class_of(char byte) { return kByteClasses[static_cast<unsigned char>(byte)]; }

/// A letter or digit in lower case, 0 for any other byte.
constexpr std::array<char, 256> kLetters = [] {
  std::array<char, 256> letters{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (kByteClasses[byte] != ByteClass::letter) continue;
    letters[byte] = static_cast<char>(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
  }
  return letters;
}();

/// BERT's own list of ideographs that stand alone.
bool is_cjk(UChar32 c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool is_dropped(UChar32 c) {
  if (c == 0 || c == 0xFFFD) return true;
  if (c == '\t' || c == '\n' || c == '\r') return false;
  return (U_GET_GC_MASK(c) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK | U_GC_CS_MASK)) != 0;
}

bool is_punctuation(UChar32 c) {
  if (c < 0x80) return class_of(static_cast<char>(c)) == ByteClass::punctuation;
  return (U_GET_GC_MASK(c) & U_GC_P_MASK) != 0;
}

}  // namespace

/// The word that is being gathered, normalised.
class WordPiece::Word {
 public:
  /// Takes the letters and digits that `text` begins with, as far as a word's limit; returns how
  /// many it has taken.
  std::size_t append_letters(std::string_view text) {
    if (characters_ >= kMaxWordCharacters) return 0;
    const std::size_t end = std::min(text.size(), kMaxWordCharacters - characters_);
    std::uint64_t hash = hash_;
    std::size_t at = 0;
    for (; at < end; ++at) {
      const char letter = kLetters[static_cast<unsigned char>(text[at])];
      if (letter == 0) break;
      bytes_[size_ + at] = letter;
      hash = extend(hash, letter);
    }
    hash_ = hash;
    size_ += at;
    characters_ += at;
    return at;
  }

  void append_ascii(char byte) {
    if (++characters_ > kMaxWordCharacters) return;
    bytes_[size_++] = byte;
    hash_ = extend(hash_, byte);
  }

  void append(UChar32 c) {
    if (++characters_ > kMaxWordCharacters) return;
    std::int32_t at = 0;
    std::uint8_t encoded[4];
    U8_APPEND_UNSAFE(encoded, at, c);
    for (std::int32_t i = 0; i < at; ++i) {
      bytes_[size_++] = static_cast<char>(encoded[i]);
      hash_ = extend(hash_, static_cast<char>(encoded[i]));
    }
  }

  bool empty() const { return characters_ == 0; }
  bool too_long() const { return characters_ > kMaxWordCharacters; }
  std::string_view text() const { return {bytes_.data(), size_}; }
  std::uint64_t hash() const { return hash_; }
  void clear() {
    size_ = characters_ = 0;
    hash_ = kWordSeed;
  }

 private:
  std::size_t size_ = 0;
  std::size_t characters_ = 0;
  std::uint64_t hash_ = kWordSeed;
  std::array<char, 4 * kMaxWordCharacters> bytes_;
};

/// The way of everything that is not ASCII: cleans, decomposes and lower-cases code points one by
/// one. Canonical reordering is left out: it only moves combining marks, which are dropped.
class WordPiece::Normalizer {
 public:
  Normalizer(const WordPiece& pieces, Word& word, std::vector<TokenId>& ids)
      : pieces_(pieces), word_(word), ids_(ids) {
    UErrorCode error = U_ZERO_ERROR;
    decomposer_ = icu::Normalizer2::getNFDInstance(error);
  }

  /// Takes text up to the next ASCII white space; returns the bytes taken.
  std::size_t take(std::string_view text) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
    const auto size = static_cast<std::int32_t>(text.size());
    std::int32_t at = 0;
    while (at < size && class_of(text[static_cast<std::size_t>(at)]) != ByteClass::space) {
      UChar32 c = 0;
      U8_NEXT(bytes, at, size, c);
      if (c >= 0) take(c);
    }
    return static_cast<std::size_t>(at);
  }

 private:
  void take(UChar32 c) {
    if (is_dropped(c)) return;
    if (u_isUWhiteSpace(c)) {
      pieces_.split_word(word_, ids_);
    } else if (is_cjk(c)) {
      pieces_.split_word(word_, ids_);
      decompose(c);
      pieces_.split_word(word_, ids_);
    } else {
      decompose(c);
    }
  }

  void decompose(UChar32 c) {
    icu::UnicodeString parts;
    if (c < 0x80 || !decomposer_->getDecomposition(c, parts)) return take_decomposed(c);
    for (std::int32_t i = 0; i < parts.length(); i = parts.moveIndex32(i, 1)) {
      take_decomposed(parts.char32At(i));
    }
  }

  void take_decomposed(UChar32 c) {
    if (c >= 0x80 && u_charType(c) == U_NON_SPACING_MARK) return;
    const UChar32 lowered = u_tolower(c);
    if (is_punctuation(lowered)) {
      stand_alone(lowered);
    } else {
      word_.append(lowered);
    }
  }

  void stand_alone(UChar32 c) {
    pieces_.split_word(word_, ids_);
    word_.append(c);
    pieces_.split_word(word_, ids_);
  }

  const WordPiece& pieces_;
  Word& word_;
  std::vector<TokenId>& ids_;
  const icu::Normalizer2* decomposer_;
};

Result<WordPiece> WordPiece::make(std::string vocabulary) {
  WordPiece pieces(std::move(vocabulary));
  if (Status status = pieces.index_tokens(); !status) return fail(status.error());
  return pieces;
}

Status WordPiece::index_tokens() {
  if (!vocabulary_.empty() && vocabulary_.back() != '\n') vocabulary_ += '\n';
  offsets_.push_back(0);
  for (std::size_t i = 0; i < vocabulary_.size(); ++i) {
    if (vocabulary_[i] == '\n') offsets_.push_back(static_cast<std::uint32_t>(i + 1));
  }
  if (vocabulary_size() == 0 || vocabulary_size() >= kEmpty) {
    return fail(ErrorCode::corrupt, "vocabulary has " + std::to_string(vocabulary_size()) +
                                        " tokens, expected 1 to 65534");
  }
  slots_.resize(std::bit_ceil(2 * vocabulary_size()));
  bool has_unknown = false;
  for (std::size_t i = 0; i < vocabulary_size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const std::string_view text = token(id);
    if (text.size() > kMaxPieceBytes) {
      return fail(ErrorCode::corrupt, "token " + std::to_string(i) + " of the vocabulary has " +
                                          std::to_string(text.size()) + " bytes, at most 64 fit");
    }
    for (const std::string_view special : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) {
      if (text == special) special_.push_back({std::string(text), id});
    }
    if (text == "[UNK]") {
      unknown_ = id;
      has_unknown = true;
    }
    const bool continues = text.size() > 2 && text.starts_with("##");
    insert(continues ? text.substr(2) : text, continues, id);
  }
  if (!has_unknown) return fail(ErrorCode::corrupt, "vocabulary has no [UNK] token");
  return {};
}

std::string_view WordPiece::token(TokenId id) const {
  return std::string_view(vocabulary_).substr(offsets_[id], offsets_[id + 1] - offsets_[id] - 1);
}

void WordPiece::insert(std::string_view piece, bool continues, TokenId id) {
  std::uint64_t hash = seed_of(continues);
  for (const char byte : piece) hash = extend(hash, byte);
  hash = finish(hash);
  std::size_t at = hash & (slots_.size() - 1);
  while (slots_[at].id != kEmpty) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = {static_cast<std::uint16_t>(hash >> 48), id};
  longest_ = std::max(longest_, piece.size());
}

bool WordPiece::is_piece(TokenId id, std::string_view piece, bool continues) const {
  const std::string_view known = token(id);
  if (!continues) return known == piece;
  return known.size() == piece.size() + 2 && known.starts_with("##") && known.ends_with(piece);
}

WordPiece::TokenId WordPiece::find(std::string_view piece, bool continues,
                                   std::uint64_t hash) const {
  hash = finish(hash);
  const auto tag = static_cast<std::uint16_t>(hash >> 48);
  for (std::size_t at = hash & (slots_.size() - 1); slots_[at].id != kEmpty;
       at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].tag == tag && is_piece(slots_[at].id, piece, continues)) return slots_[at].id;
  }
  return kEmpty;
}

WordPiece::TokenId WordPiece::find_longest(std::string_view rest, bool continues,
                                           std::size_t& length) const {
  std::array<std::uint64_t, kMaxPieceBytes + 1> hashes;
  hashes[0] = seed_of(continues);
  length = std::min(rest.size(), longest_);
  for (std::size_t i = 0; i < length; ++i) hashes[i + 1] = extend(hashes[i], rest[i]);
  for (; length > 0; --length) {
    const TokenId id = find(rest.substr(0, length), continues, hashes[length]);
    if (id != kEmpty) return id;
  }
  return kEmpty;
}

void WordPiece::split_word(Word& word, std::vector<TokenId>& ids) const {
  if (word.empty()) return;
  const TokenId whole = word.too_long() ? unknown_ : find(word.text(), false, word.hash());
  if (whole != kEmpty) {
    ids.push_back(whole);
    word.clear();
    return;
  }
  const std::size_t first = ids.size();
  std::string_view rest = word.text();
  while (!rest.empty()) {
    std::size_t length = 0;
    const TokenId id = find_longest(rest, rest.size() < word.text().size(), length);
    if (id == kEmpty) {
      // A word with one unknown part is unknown as a whole.
      ids.resize(first);
      ids.push_back(unknown_);
      break;
    }
    ids.push_back(id);
    rest.remove_prefix(length);
  }
  word.clear();
}

void WordPiece::tokenize_plain(std::string_view text, std::vector<TokenId>& ids) const {
  Word word;
  std::size_t word_begin = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const char byte = text[at];
    switch (class_of(byte)) {
      case ByteClass::letter:
        if (const std::size_t taken = word.append_letters(text.substr(at)); taken > 0) {
          at += taken;
        } else {  // the word is at its limit, and too long with this one
          word.append_ascii(byte);
          ++at;
        }
        break;
      case ByteClass::dropped:
        ++at;
        break;
      case ByteClass::space:
        split_word(word, ids);
        word_begin = ++at;
        break;
      case ByteClass::punctuation:
        split_word(word, ids);
        word.append_ascii(byte);
        split_word(word, ids);
        word_begin = ++at;
        break;
      case ByteClass::beyond_ascii:
        word.clear();
        at = word_begin + Normalizer(*this, word, ids).take(text.substr(word_begin));
        word_begin = at;
        break;
    }
  }
  split_word(word, ids);
}

void WordPiece::tokenize(std::string_view text, std::vector<TokenId>& ids) const {
  ids.reserve(ids.size() + text.size() / 4 + 8);
  std::size_t plain_begin = 0;
  std::size_t bracket = text.find('[');
  while (bracket != std::string_view::npos) {
    for (const SpecialToken& special : special_) {
      if (!text.substr(bracket).starts_with(special.text)) continue;
      tokenize_plain(text.substr(plain_begin, bracket - plain_begin), ids);
      ids.push_back(special.id);
      plain_begin = bracket + special.text.size();
      break;
    }
    bracket = text.find('[', std::max(bracket + 1, plain_begin));
  }
  tokenize_plain(text.substr(plain_begin), ids);
}

}  // namespace yardmaster::env
