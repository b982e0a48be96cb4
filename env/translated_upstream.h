#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "env/translation/stream_translator.h"
#include "env/upstream.h"

namespace yardmaster::env {

/// How calls of one API are put to an upstream that has another. Immutable.
class Translation {
 public:
  virtual ~Translation() = default;

  virtual ApiRoute from() const = 0;  ///< the calls that it takes
  virtual ApiRoute to() const = 0;    ///< what the upstream is asked instead

  /// The body for the upstream. Fails with invalid_argument where the call cannot be translated.
  virtual Result<std::string> request(const ChatCall& call) const = 0;

  /// A successful answer's body, as the caller knows it. Fails with io where it is none.
  virtual Result<std::string> answer(std::string_view body) const = 0;

  /// The body of an answer with an error status, as the caller knows it.
  virtual std::string error(std::string_view body, unsigned status) const = 0;

  virtual std::unique_ptr<StreamTranslator> stream() const = 0;
};

/// Chat completions at an upstream that has Anthropic's Messages API.
std::unique_ptr<Translation> chat_at_anthropic();

/// Messages at an upstream that has OpenAI's chat completions; `upstream` is its spec.
std::unique_ptr<Translation> messages_at_chat(const UpstreamSpec& upstream);

/// The upstream, which now takes the translation's calls too; other calls go to it as they are.
std::unique_ptr<Upstream> make_translated(std::unique_ptr<Upstream> upstream,
                                          std::unique_ptr<Translation> translation);

}  // namespace yardmaster::env
