#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <string>

#include "env/stream_reader.h"
#include "env/translation/stream_translator.h"

namespace yardmaster::env {

/// Turns the stream of an Anthropic message into OpenAI's chunks: text and the arguments of tool
/// calls piece by piece, the reason of the end, then a chunk with the usage alone and [DONE]. The
/// first chunk comes with the first of the content, so that an upstream which is overloaded before
/// it has begun can still be replaced. Pings and thinking are left out.
class MessageEventsToChunks final : public StreamTranslator {
 public:
  /// `created` is seconds since 1970.
  explicit MessageEventsToChunks(std::int64_t created,
                                 std::size_t max_event_bytes = StreamReader::kMaxEventBytes)
      : StreamTranslator(max_event_bytes), created_(created) {}

  Status finish() override;

 private:
  /// A tool call under way.
  struct Call {
    std::uint64_t index = 0;  ///< among the tool calls
    bool has_arguments = false;
  };

  Status take_data(std::string_view data) override;
  void start_message(const boost::json::object& message);
  void start_block(std::uint64_t index, const boost::json::object& block);
  void add_delta(std::uint64_t index, const boost::json::object& delta);
  void stop_block(std::uint64_t index);
  void add_arguments(Call& call, std::string_view json);
  void end_message();
  void add_usage(const boost::json::object& usage);
  void write_delta(boost::json::object delta, std::string_view finish_reason = {});
  void write_chunk(boost::json::array choices, const boost::json::object* usage);
  void write(const boost::json::object& data);

  std::int64_t created_;
  std::string id_;
  std::string model_;
  std::string stop_reason_;
  boost::json::object usage_;            // Anthropic's, the newest of each count
  std::map<std::uint64_t, Call> calls_;  // by the block's index
  bool role_written_ = false;
};

}  // namespace yardmaster::env
