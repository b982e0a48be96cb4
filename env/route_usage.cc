#include "env/route_usage.h"

#include <array>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "env/translation/json_access.h"

namespace yardmaster::env {

namespace json = boost::json;

namespace {

/// Anthropic counts apart what came from the cache and what went into it. In a stream the counts
/// are cumulative, and an event may leave out what has not changed.
void read_message_counts(const json::object& counts, Usage& usage) {
  std::optional<std::uint64_t> input;
  std::optional<std::uint64_t> read;
  std::optional<std::uint64_t> written;
  read_count(counts, "input_tokens", input);
  read_count(counts, "cache_read_input_tokens", read);
  read_count(counts, "cache_creation_input_tokens", written);
  read_count(counts, "output_tokens", usage.output_tokens);
  if (!input && !usage.input_tokens) return;
  const std::uint64_t cached = usage.cache_read_tokens + usage.cache_write_tokens;
  const std::uint64_t plain = input ? *input : *usage.input_tokens - cached;
  usage.cache_read_tokens = read.value_or(usage.cache_read_tokens);
  usage.cache_write_tokens = written.value_or(usage.cache_write_tokens);
  usage.input_tokens = plain + usage.cache_read_tokens + usage.cache_write_tokens;
}

void read_response_counts(const json::object& counts, Usage& usage) {
  read_count(counts, "input_tokens", usage.input_tokens);
  read_count(counts, "output_tokens", usage.output_tokens);
  const json::value* details = counts.if_contains("input_tokens_details");
  if (details == nullptr || !details->is_object()) return;
  std::optional<std::uint64_t> cached;
  read_count(details->get_object(), "cached_tokens", cached);
  usage.cache_read_tokens = cached.value_or(usage.cache_read_tokens);
}

void read_message_finish(const json::object& answer, Usage& usage) {
  const json::object* delta = object_in(answer, "delta");
  const std::string_view reason = text_in(delta != nullptr ? *delta : answer, "stop_reason");
  if (reason == "max_tokens" || reason == "model_context_window_exceeded") {
    note_finish(Finish::length, usage);
  } else if (reason == "refusal") {
    note_finish(Finish::refusal, usage);
  } else if (!reason.empty()) {
    note_finish(Finish::stop, usage);
  }
}

void read_response_finish(const json::object& answer, Usage& usage) {
  const std::string_view status = text_in(answer, "status");
  if (status == "completed") note_finish(Finish::stop, usage);
  if (status != "incomplete") return;
  const json::object* details = object_in(answer, "incomplete_details");
  const bool refused = details != nullptr && text_in(*details, "reason") == "content_filter";
  note_finish(refused ? Finish::refusal : Finish::length, usage);
}

}  // namespace

Result<Usage> read_usage(ApiRoute route, std::string_view answer_body) {
  std::array<unsigned char, 4096> first;
  json::monotonic_resource memory(first.data(), first.size());
  const auto answer = parse_answer(answer_body, &memory);
  if (!answer) return fail(ErrorCode::io, "the answer is no JSON object");
  if (error_in(*answer)) return fail(ErrorCode::io, error_text("the answer is", *answer));
  Usage usage;
  read_usage(route, *answer, usage);
  return usage;
}

void read_usage(ApiRoute route, const json::object& answer, Usage& usage) {
  read_usage(answer, usage);
  if (route == ApiRoute::messages) read_message_finish(answer, usage);
  if (route == ApiRoute::responses) read_response_finish(answer, usage);
  const json::value* counts = answer.if_contains("usage");
  if (counts == nullptr || !counts->is_object()) return;
  switch (route) {
    case ApiRoute::messages:
      return read_message_counts(counts->get_object(), usage);
    case ApiRoute::responses:
      return read_response_counts(counts->get_object(), usage);
    case ApiRoute::embeddings:
      if (usage.input_tokens) usage.output_tokens = 0;
      return;
    case ApiRoute::chat_completions:
    case ApiRoute::completions:
      return;
  }
}

}  // namespace yardmaster::env
