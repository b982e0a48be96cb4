#include "env/simulated_upstream.h"

#include <algorithm>
#include <array>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <random>

#include "env/query.h"

namespace yardmaster::env {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

constexpr std::size_t kBytesPerToken = 4;

/// What comes between an answer's subjects.
constexpr std::array<std::string_view, 6> kSentences{
    "It helps to begin with ",       "This is close to ",        "A careful reader will think of ",
    "The usual example is that of ", "Much of it follows from ", "Compare it with "};

/// About `tokens` tokens on the topics of the query. The same for the same arguments.
std::string answer_text(const TopicMix& mix, std::uint32_t tokens, Rng rng) {
  const auto main_topic = static_cast<std::size_t>(
      std::distance(mix.begin(), std::max_element(mix.begin(), mix.end())));
  const TopicText& topic = simulated_topics()[main_topic];
  std::string text = "On this question of ";
  text += topic.name;
  text += ", in short: it depends.";
  while (text.size() < tokens * kBytesPerToken) {
    text += ' ';
    text += kSentences[rng.below(kSentences.size())];
    text += topic.subjects[rng.below(topic.subjects.size())];
    text += '.';
  }
  text.resize(std::min<std::size_t>(text.size(), tokens * kBytesPerToken));
  return text;
}

std::string completion_id(Rng& ids) {
  char text[64];
  std::snprintf(text, sizeof text, "chatcmpl-%016llx", static_cast<unsigned long long>(ids()));
  return text;
}

json::object completion(SimulatedAnswer answer) {
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(answer.time.time_since_epoch()).count();
  json::object choice{{"index", 0},
                      {"message", {{"role", "assistant"}, {"content", std::move(answer.text)}}},
                      {"finish_reason", answer.cut ? "length" : "stop"}};
  json::array choices;
  choices.push_back(std::move(choice));
  const SimulatedOutcome& outcome = answer.outcome;
  return {{"id", std::move(answer.id)},
          {"object", "chat.completion"},
          {"created", seconds},
          {"model", std::move(answer.model)},
          {"choices", std::move(choices)},
          {"usage",
           {{"prompt_tokens", outcome.input_tokens},
            {"completion_tokens", outcome.output_tokens},
            {"total_tokens", outcome.input_tokens + outcome.output_tokens}}}};
}

ChatAnswer malformed(const Error& error) {
  const json::object body{{"error",
                           {{"message", error.message},
                            {"type", "invalid_request_error"},
                            {"param", nullptr},
                            {"code", nullptr}}}};
  ChatAnswer answer;
  answer.status = 400;
  answer.content_type = "application/json";
  answer.body = json::serialize(body);
  return answer;
}

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

SimulatedUpstream::SimulatedUpstream(UpstreamSpec spec, Clock clock, Rng ids,
                                     asio::any_io_executor executor)
    : spec_(std::move(spec)),
      world_(spec_.seed),
      clock_(std::move(clock)),
      ids_(ids),
      executor_(std::move(executor)) {}

SimulatedAnswer SimulatedUpstream::make_answer(const ModelSpec& model, const Query& query) {
  SimulatedAnswer answer;
  SimulatedOutcome& outcome = answer.outcome;
  outcome = world_.outcome(query.text, model);
  const std::uint32_t wanted = outcome.output_tokens;
  outcome.output_tokens = std::min(wanted, query.max_output_tokens.value_or(wanted));
  answer.cut = outcome.output_tokens < wanted;
  outcome.latency_s *= static_cast<double>(outcome.output_tokens) / wanted;
  answer.id = completion_id(ids_);
  answer.time = clock_();
  answer.model = model.upstream_model.empty() ? model.name : model.upstream_model;
  answer.text = answer_text(world_.topics(query.text), outcome.output_tokens, Rng(ids_()));
  return answer;
}

asio::awaitable<Result<ChatAnswer>> SimulatedUpstream::chat(ChatCall call) {
  const auto query = parse_query(call.body);
  if (!query) co_return malformed(query.error());

  SimulatedAnswer simulated = make_answer(*call.model, *query);
  ChatAnswer answer;
  answer.status = 200;
  answer.content_type = "application/json";
  answer.latency_s = simulated.outcome.latency_s;
  answer.body = json::serialize(completion(std::move(simulated)));
  if (spec_.time_scale > 0) {
    asio::steady_timer timer(executor_);
    timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(
        std::chrono::duration<double>(answer.latency_s * spec_.time_scale)));
    co_await timer.async_wait(asio::use_awaitable);
  }
  co_return answer;
}

asio::awaitable<Result<StreamedAnswer>> SimulatedUpstream::stream(ChatCall call) {
  const auto query = parse_query(call.body);
  StreamedAnswer answer;
  if (!query) {
    answer.answer = malformed(query.error());
    co_return answer;
  }
  answer.answer.status = 200;
  answer.answer.content_type = "text/event-stream";
  answer.stream = make_simulated_stream(make_answer(*call.model, *query), query->wants_stream_usage,
                                        spec_.time_scale, executor_);
  answer.stream->end_by(call.deadline);
  co_return answer;
}

/// It serves any model, so there is no list; it is always there.
asio::awaitable<Result<ChatAnswer>> SimulatedUpstream::list_models(
    std::chrono::steady_clock::time_point) {
  ChatAnswer answer;
  answer.status = 200;
  answer.content_type = "application/json";
  answer.body = R"({"object":"list","data":[]})";
  co_return answer;
}

std::unique_ptr<Upstream> make_simulated_upstream(const UpstreamSpec& spec,
                                                  asio::any_io_executor executor) {
  return std::make_unique<SimulatedUpstream>(spec, system_clock_now, Rng(random_seed()),
                                             std::move(executor));
}

}  // namespace yardmaster::env
