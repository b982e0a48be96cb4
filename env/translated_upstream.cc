#include "env/translated_upstream.h"

#include <chrono>

#include "env/model_pool.h"
#include "env/translation/chat_to_message.h"
#include "env/translation/chat_to_messages.h"
#include "env/translation/chunk_events.h"
#include "env/translation/message_events.h"
#include "env/translation/message_to_chat.h"
#include "env/translation/messages_to_chat.h"

namespace yardmaster::env {

namespace asio = boost::asio;

namespace {

std::int64_t seconds_since_1970() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class ChatAtAnthropic final : public Translation {
 public:
  ApiRoute from() const override { return ApiRoute::chat_completions; }
  ApiRoute to() const override { return ApiRoute::messages; }

  Result<std::string> request(const ChatCall& call) const override {
    const auto bound = call.model != nullptr ? call.model->max_output_tokens : std::nullopt;
    return chat_to_messages(call.body, bound.value_or(kDefaultMaxTokens));
  }

  Result<std::string> answer(std::string_view body) const override {
    return message_to_chat(body, seconds_since_1970());
  }

  std::string error(std::string_view body, unsigned status) const override {
    return anthropic_error_to_openai(body, status);
  }

  std::unique_ptr<StreamTranslator> stream() const override {
    return std::make_unique<MessageEventsToChunks>(seconds_since_1970());
  }
};

class MessagesAtChat final : public Translation {
 public:
  explicit MessagesAtChat(ChatDialect dialect) : dialect_(dialect) {}

  ApiRoute from() const override { return ApiRoute::messages; }
  ApiRoute to() const override { return ApiRoute::chat_completions; }

  Result<std::string> request(const ChatCall& call) const override {
    return messages_to_chat(call.body, dialect_);
  }

  Result<std::string> answer(std::string_view body) const override { return chat_to_message(body); }

  std::string error(std::string_view body, unsigned status) const override {
    return openai_error_to_anthropic(body, status);
  }

  std::unique_ptr<StreamTranslator> stream() const override {
    return std::make_unique<ChunksToMessageEvents>();
  }

 private:
  ChatDialect dialect_;
};

/// OpenAI's own models refuse max_tokens; many other servers know nothing else.
bool is_openais_own(const std::string& base_url) {
  return base_url.starts_with("https://api.openai.com/") ||
         base_url.find(".openai.azure.com/") != std::string::npos;
}

/// Anthropic answers 400, as to a client's mistake, also where the account has no money left.
void tell_from_mistakes(ChatAnswer& answer) {
  constexpr unsigned kBadRequest = 400;
  constexpr unsigned kPaymentRequired = 402;
  if (answer.status != kBadRequest) return;
  for (const std::string_view phrase :
       {"credit balance is too low", "specified API usage limits"}) {
    if (answer.body.find(phrase) != std::string::npos) answer.status = kPaymentRequired;
  }
}

/// The upstream's stream, translated as it is read.
class TranslatedStream final : public AnswerStream {
 public:
  TranslatedStream(std::unique_ptr<AnswerStream> stream,
                   std::unique_ptr<StreamTranslator> translator)
      : stream_(std::move(stream)), translator_(std::move(translator)) {}

  asio::awaitable<Result<std::string_view>> read() override {
    bytes_.clear();
    if (failure_) co_return fail(*failure_);
    while (bytes_.empty()) {
      const auto read = co_await stream_->read();
      if (!read) co_return fail(read.error());
      const bool at_end = read->empty();
      Status taken = at_end ? translator_->finish() : translator_->take(*read);
      bytes_.swap(translator_->ready());
      if (!taken) {
        // What came before the fault is passed on first.
        failure_ = taken.error();
        if (bytes_.empty()) co_return fail(*failure_);
      }
      if (at_end) break;
    }
    co_return std::string_view(bytes_);
  }

  bool ended() const override { return stream_->ended(); }
  void cancel() override { stream_->cancel(); }
  void end_by(std::chrono::steady_clock::time_point deadline) override {
    stream_->end_by(deadline);
  }
  std::optional<Latency> stated_latency() const override { return stream_->stated_latency(); }

 private:
  std::unique_ptr<AnswerStream> stream_;
  std::unique_ptr<StreamTranslator> translator_;
  std::string bytes_;
  std::optional<Error> failure_;
};

class TranslatedUpstream final : public Upstream {
 public:
  TranslatedUpstream(std::unique_ptr<Upstream> upstream, std::unique_ptr<Translation> translation)
      : upstream_(std::move(upstream)), translation_(std::move(translation)) {}

  asio::awaitable<Result<ChatAnswer>> chat(ChatCall call) override {
    const bool translated = call.route == translation_->from();
    if (translated) {
      if (auto refused = translate(call)) co_return std::move(*refused);
    }
    auto answer = co_await upstream_->chat(std::move(call));
    if (answer) tell_from_mistakes(*answer);
    if (answer && translated) {
      if (Status done = translate(*answer); !done) co_return fail(done.error());
    }
    co_return answer;
  }

  asio::awaitable<Result<StreamedAnswer>> stream(ChatCall call) override {
    const bool translated = call.route == translation_->from();
    if (translated) {
      if (auto refused = translate(call)) {
        StreamedAnswer answer;
        answer.answer = std::move(*refused);
        co_return answer;
      }
    }
    auto streamed = co_await upstream_->stream(std::move(call));
    if (!streamed) co_return fail(streamed.error());
    tell_from_mistakes(streamed->answer);
    if (!translated) co_return streamed;
    if (streamed->stream) {
      streamed->stream =
          std::make_unique<TranslatedStream>(std::move(streamed->stream), translation_->stream());
    } else if (Status done = translate(streamed->answer); !done) {
      co_return fail(done.error());
    }
    co_return streamed;
  }

  asio::awaitable<Result<ChatAnswer>> list_models(
      std::chrono::steady_clock::time_point deadline) override {
    return upstream_->list_models(deadline);
  }

  const UpstreamSpec& spec() const override { return upstream_->spec(); }

 private:
  /// The answer to a call that cannot be put to the upstream.
  std::optional<ChatAnswer> translate(ChatCall& call) const {
    auto body = translation_->request(call);
    if (body) {
      call.body = std::move(*body);
      call.route = translation_->to();
      return std::nullopt;
    }
    ChatAnswer refused;
    refused.status = 400;
    refused.content_type = "application/json";
    refused.body = translation_->error(body.error().message, refused.status);
    return refused;
  }

  Status translate(ChatAnswer& answer) const {
    answer.content_type = "application/json";
    if (answer.status < 200 || answer.status >= 300) {
      answer.body = translation_->error(answer.body, answer.status);
      return {};
    }
    auto body = translation_->answer(answer.body);
    if (!body) return fail(body.error());
    answer.body = std::move(*body);
    return {};
  }

  std::unique_ptr<Upstream> upstream_;
  std::unique_ptr<Translation> translation_;
};

}  // namespace

std::unique_ptr<Translation> chat_at_anthropic() { return std::make_unique<ChatAtAnthropic>(); }

std::unique_ptr<Translation> messages_at_chat(const UpstreamSpec& upstream) {
  return std::make_unique<MessagesAtChat>(
      ChatDialect{is_openais_own(upstream.base_url), upstream.stream_usage});
}

std::unique_ptr<Upstream> make_translated(std::unique_ptr<Upstream> upstream,
                                          std::unique_ptr<Translation> translation) {
  return std::make_unique<TranslatedUpstream>(std::move(upstream), std::move(translation));
}

}  // namespace yardmaster::env
