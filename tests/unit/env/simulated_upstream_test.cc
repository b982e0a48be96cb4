#include "env/simulated_upstream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <vector>

namespace yardmaster::env {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::uint64_t kSeed = 5;

ModelSpec model() {
  ModelSpec spec;
  spec.name = "m";
  return spec;
}

SimulatedUpstream make_upstream(double time_scale, asio::io_context& io) {
  UpstreamSpec spec;
  spec.seed = kSeed;
  spec.time_scale = time_scale;
  const auto clock = [] { return Timestamp(std::chrono::seconds(100)); };
  return SimulatedUpstream(spec, clock, Rng(1), io.get_executor());
}

Result<ChatAnswer> ask(const ModelSpec& spec, std::string body, double time_scale = 0) {
  asio::io_context io;
  SimulatedUpstream upstream = make_upstream(time_scale, io);
  ChatCall call;
  call.model = &spec;
  call.body = std::move(body);
  auto answer = asio::co_spawn(io, upstream.chat(call), asio::use_future);
  io.run();
  return answer.get();
}

TEST(SimulatedUpstream, AnswersAsTheWorldSays) {
  const auto answer =
      ask(model(), R"({"model":"m","messages":[{"role":"user","content":"Prove it."}]})");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200u);
  const SimulatedOutcome outcome = SimulatedWorld(kSeed).outcome("Prove it.", model());
  EXPECT_EQ(answer->latency_s, outcome.latency_s);

  const json::value body = json::parse(answer->body);
  EXPECT_EQ(body.at("object"), "chat.completion");
  EXPECT_EQ(body.at("model"), "m");
  EXPECT_EQ(body.at("created"), 100);
  EXPECT_EQ(body.at_pointer("/usage/prompt_tokens"), outcome.input_tokens);
  EXPECT_EQ(body.at_pointer("/usage/completion_tokens"), outcome.output_tokens);
  EXPECT_EQ(body.at_pointer("/choices/0/finish_reason"), "stop");
  const auto& text = body.at_pointer("/choices/0/message/content").as_string();
  EXPECT_EQ(text.size(), outcome.output_tokens * 4);
}

TEST(SimulatedUpstream, StopsAtTheTokensAskedFor) {
  const auto answer =
      ask(model(), R"({"messages":[{"role":"user","content":"Prove it."}],"max_tokens":3})");
  ASSERT_TRUE(answer);
  const json::value body = json::parse(answer->body);
  EXPECT_EQ(body.at_pointer("/usage/completion_tokens"), 3);
  EXPECT_EQ(body.at_pointer("/choices/0/finish_reason"), "length");
}

TEST(SimulatedUpstream, RefusesABodyThatIsNoChatCompletion) {
  const auto answer = ask(model(), R"({"messages":[]})");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 400u);
  EXPECT_EQ(json::parse(answer->body).at_pointer("/error/type"), "invalid_request_error");
}

TEST(SimulatedUpstream, WaitsItsLatencyTimesTheScale) {
  const auto before = std::chrono::steady_clock::now();
  const auto answer = ask(model(), R"({"messages":[{"role":"user","content":"Prove it."}]})", 0.01);
  const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - before;
  ASSERT_TRUE(answer);
  EXPECT_GE(waited.count(), answer->latency_s * 0.01);
}

/// What a stream's events say, each parsed, without [DONE]; checks that this is at the end.
std::vector<json::value> ask_streaming(const ModelSpec& spec, std::string body, double time_scale) {
  asio::io_context io;
  SimulatedUpstream upstream = make_upstream(time_scale, io);
  std::string text;
  auto read_all = [&](ChatCall call) -> asio::awaitable<void> {
    auto answer = co_await upstream.stream(std::move(call));
    while (!answer->stream->ended()) {
      const auto bytes = co_await answer->stream->read();
      text += *bytes;
    }
  };
  ChatCall call;
  call.model = &spec;
  call.body = std::move(body);
  auto done = asio::co_spawn(io, read_all(std::move(call)), asio::use_future);
  io.run();
  done.get();
  std::vector<json::value> chunks;
  while (!text.empty()) {
    const std::size_t end = text.find("\n\n");
    const std::string event = text.substr(0, end);
    text.erase(0, end + 2);
    EXPECT_TRUE(event.starts_with("data: ")) << event;
    if (event == "data: [DONE]") {
      EXPECT_EQ(text, "");
      return chunks;
    }
    chunks.push_back(json::parse(event.substr(6)));
  }
  ADD_FAILURE() << "no [DONE]";
  return chunks;
}

TEST(SimulatedUpstream, StreamsTheAnswerPieceByPiece) {
  for (const double time_scale : {0.0, 0.001}) {
    const auto chunks =
        ask_streaming(model(),
                      R"({"messages":[{"role":"user","content":"Prove it."}],"stream":true,
            "stream_options":{"include_usage":true}})",
                      time_scale);
    const SimulatedOutcome outcome = SimulatedWorld(kSeed).outcome("Prove it.", model());
    ASSERT_GT(chunks.size(), 3u);
    EXPECT_EQ(chunks.front().at_pointer("/choices/0/delta/role"), "assistant");
    std::size_t size = 0;
    for (const json::value& chunk : chunks) {
      EXPECT_EQ(chunk.at("object"), "chat.completion.chunk");
      if (chunk.at("choices").as_array().empty()) continue;
      const auto& delta = chunk.at_pointer("/choices/0/delta").as_object();
      if (delta.contains("content")) size += delta.at("content").as_string().size();
    }
    EXPECT_EQ(size, outcome.output_tokens * 4);
    EXPECT_EQ(chunks[chunks.size() - 2].at_pointer("/choices/0/finish_reason"), "stop");
    EXPECT_EQ(chunks.back().at_pointer("/usage/completion_tokens"), outcome.output_tokens);
  }
}

}  // namespace
}  // namespace yardmaster::env
