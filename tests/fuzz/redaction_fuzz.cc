// Texts of queries on their way to the store: a pattern up to the first line break, then a text.

#include <algorithm>

#include "env/query_text.h"
#include "env/redactor.h"
#include "tests/fuzz/fuzz.h"

using namespace yardmaster;
using fuzz::require;

FUZZ(redaction) {
  const std::size_t end = std::min(input.find('\n'), input.size());
  const std::string_view text = input.substr(std::min(end + 1, input.size()));
  std::vector<env::RedactionPattern> own;
  if (env::check_redaction_pattern(input.substr(0, end))) {
    own.push_back({"mine", std::string(input.substr(0, end))});
  }
  const std::vector<std::string> all{"all"};
  const auto redactor = env::Redactor::make(all, own);
  require(redactor.has_value(), "a pattern that was checked is taken");
  const std::string out = (*redactor)->redact(text);
  require(!env::is_utf8(text) || env::is_utf8(out), "UTF-8 stays UTF-8");
}
