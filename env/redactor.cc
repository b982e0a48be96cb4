#include "env/redactor.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "env/redaction_scanners.h"

namespace yardmaster::env {
namespace {

using Scan = void (*)(std::string_view text, std::vector<TextSpan>& found);

/// What is found by a pattern, or by a scan where a check tells more.
struct Builtin {
  std::string_view name;
  std::string_view pattern;
  Scan scan = nullptr;
};

constexpr std::string_view kEmail =
    R"([A-Za-z0-9._%+'\x{C0}-\x{24F}-]+@[A-Za-z0-9\x{C0}-\x{24F}-]+(?:\.[A-Za-z0-9\x{C0}-\x{24F}-]+)+)";

// International with + or 00; North American; with a trunk 0 and an area code; French pairs.
constexpr std::string_view kPhone = R"((?:\+|\b00)[1-9](?:[ ()./-]{0,2}[0-9]){6,14})"
                                    R"(|(?:\([0-9]{3}\) ?|\b[0-9]{3}[-. ])[0-9]{3}[-. ][0-9]{4}\b)"
                                    R"(|\b0[1-9][0-9]{1,4}[ /-][0-9](?:[ -]?[0-9]){5,9}\b)"
                                    R"(|\b0[1-9](?:[ .][0-9]{2}){4}\b)";

constexpr std::string_view kSsn = R"(\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b)";

// Keys of services by their beginnings, ours among them; JSON web tokens; private keys; what stands
// after "Bearer" or a name such as password; the user and password of a URL.
constexpr std::string_view kSecret =
    R"(\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,})"
    R"(|\b(?:ym-|gh[pousr]_|github_pat_|glpat-|xox[a-z]-|hf_|gsk_|npm_|pypi-|dop_v1_|ya29\.|SG\.)[A-Za-z0-9._-]{16,})"
    R"(|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[A-Za-z0-9_-]{30,})"
    R"(|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?)"
    R"(|-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z))"
    R"(|(?i:\bbearer +[a-z0-9._~+/=-]{16,}))"
    R"(|(?i:(?:password|passwd|passphrase|secret|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?token|access[_-]?token)["']?\s*(?::|=>?)\s*["']?[^\s"',;]{6,}))"
    R"(|\b[a-z][a-z0-9+.-]{1,30}://[^\s/:@]+:[^\s/@]+@)";

constexpr std::array kBuiltins{
    Builtin{"email", kEmail},        Builtin{"phone", kPhone}, Builtin{"card", {}, find_cards},
    Builtin{"iban", {}, find_ibans}, Builtin{"ssn", kSsn},     Builtin{"ip", {}, find_ip_addresses},
    Builtin{"secret", kSecret},
};

constexpr auto kBuiltinNames = [] {
  std::array<std::string_view, kBuiltins.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kBuiltins[i].name;
  return names;
}();

constexpr std::string_view kAll = "all";

constexpr std::size_t kLongestName = 32;
constexpr std::size_t kLongestPattern = 1000;
constexpr std::int64_t kPatternMemory = 1 << 20;

/// Instructions of a compiled pattern: the steps a byte where no automaton of states fits memory.
constexpr int kLargestProgram = 2000;

/// Each match may look ahead to the end of the text, so their number bounds the time.
constexpr std::size_t kMostMatches = 256;

RE2::Options options() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kPatternMemory);
  return options;
}

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

/// Whether the byte there goes on with a character. Only "\C", which is any byte, matches from or
/// to such a place.
bool is_inside_a_character(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
}

std::unique_ptr<RE2> compile(std::string_view pattern) {
  return std::make_unique<RE2>(piece(pattern), options());
}

tl::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::invalid_argument, std::move(message));
}

bool is_name(std::string_view name) {
  const auto belongs = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  };
  return !name.empty() && name.size() <= kLongestName &&
         std::all_of(name.begin(), name.end(), belongs);
}

/// One thing that is looked for, and what stands in its place.
struct Finder {
  std::string mark;
  std::unique_ptr<RE2> pattern;  ///< nullptr: by `scan`
  Scan scan = nullptr;

  void find(std::string_view text, std::vector<TextSpan>& found) const {
    if (scan != nullptr) return scan(text, found);
    re2::StringPiece match;
    std::size_t matches = 0;
    for (std::size_t at = 0; at < text.size();) {
      if (!pattern->Match(piece(text), at, text.size(), RE2::UNANCHORED, &match, 1)) return;
      const auto begin = static_cast<std::size_t>(match.data() - text.data());
      at = begin + match.size();
      if (match.empty()) {
        ++at;
      } else if (++matches == kMostMatches) {
        found.push_back({begin, text.size()});
        return;
      } else {
        found.push_back({begin, at});
      }
    }
  }
};

class MarkingRedactor final : public Redactor {
 public:
  explicit MarkingRedactor(std::vector<Finder> finders) : finders_(std::move(finders)) {}

  std::string redact(std::string_view text) const override {
    std::vector<Found> all;
    std::vector<TextSpan> found;
    for (const Finder& finder : finders_) {
      found.clear();
      finder.find(text, found);
      for (TextSpan& span : found) {
        while (span.begin > 0 && is_inside_a_character(text, span.begin)) --span.begin;
        while (is_inside_a_character(text, span.end)) ++span.end;
        all.push_back({span, &finder.mark});
      }
    }
    // The longest of those that begin at one place gives its mark.
    std::stable_sort(all.begin(), all.end(), [](const Found& a, const Found& b) {
      return a.span.begin != b.span.begin ? a.span.begin < b.span.begin : a.span.end > b.span.end;
    });
    std::string out;
    std::size_t done = 0;
    for (const Found& each : all) {
      if (each.span.begin >= done) {
        out.append(text, done, each.span.begin - done);
        out += *each.mark;
      }
      done = std::max(done, each.span.end);
    }
    return out.append(text, done);
  }

 private:
  struct Found {
    TextSpan span;
    const std::string* mark;
  };

  std::vector<Finder> finders_;
};

}  // namespace

std::span<const std::string_view> builtin_redactions() { return kBuiltinNames; }

Status check_redaction_name(std::string_view name) {
  if (is_name(name)) return {};
  return invalid("must be 1 to " + std::to_string(kLongestName) +
                 " letters, digits, '-' and '_', as the mark in texts is made of it");
}

Status check_redaction_pattern(std::string_view pattern) {
  if (pattern.empty()) return invalid("is empty; write what is to be taken out");
  if (pattern.size() > kLongestPattern) {
    return invalid("has " + std::to_string(pattern.size()) + " bytes; at most " +
                   std::to_string(kLongestPattern) + " are taken, so make two of it");
  }
  const auto compiled = compile(pattern);
  if (!compiled->ok() && compiled->error_code() != RE2::ErrorPatternTooLarge) {
    return invalid("is not a pattern: " + compiled->error() +
                   "; it is written in RE2's syntax, which has neither look-around nor references");
  }
  const bool large = !compiled->ok() || compiled->ProgramSize() > kLargestProgram ||
                     compiled->ReverseProgramSize() > kLargestProgram;
  if (large) return invalid("is too large once its repetitions are written out; repeat less");
  if (RE2::FullMatch("", *compiled)) {
    return invalid("matches the empty text, and so everywhere; ask for one character at least");
  }
  return {};
}

Result<std::unique_ptr<const Redactor>> Redactor::make(std::span<const std::string> builtin,
                                                       std::span<const RedactionPattern> own) {
  const auto is_wanted = [&](std::string_view name) {
    return std::find_if(builtin.begin(), builtin.end(), [&](const std::string& each) {
             return each == name || each == kAll;
           }) != builtin.end();
  };
  const auto is_known = [](const std::string& name) {
    return name == kAll ||
           std::find(kBuiltinNames.begin(), kBuiltinNames.end(), name) != kBuiltinNames.end();
  };
  const auto unknown = std::find_if_not(builtin.begin(), builtin.end(), is_known);
  if (unknown != builtin.end()) return invalid("there is no built-in redaction '" + *unknown + "'");
  if (own.size() > kMostRedactionPatterns) {
    return invalid("there are " + std::to_string(own.size()) + " redaction patterns; at most " +
                   std::to_string(kMostRedactionPatterns) + " are taken");
  }
  std::vector<Finder> finders;
  for (const Builtin& each : kBuiltins) {
    if (!is_wanted(each.name)) continue;
    finders.push_back({"[" + std::string(each.name) + "]",
                       each.scan == nullptr ? compile(each.pattern) : nullptr, each.scan});
  }
  for (const RedactionPattern& each : own) {
    for (const Status& checked :
         {check_redaction_name(each.name), check_redaction_pattern(each.pattern)}) {
      if (!checked) return invalid("redaction '" + each.name + "' " + checked.error().message);
    }
    finders.push_back({"[" + each.name + "]", compile(each.pattern), nullptr});
  }
  return std::make_unique<const MarkingRedactor>(std::move(finders));
}

}  // namespace yardmaster::env
