#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "env/stream_reader.h"
#include "env/translation/stream_translator.h"

namespace yardmaster::env {

/// Turns OpenAI's chunks into the events of an Anthropic message: a block for the text, one for
/// each tool call, pieces as they come. The usage, which OpenAI tells at the end, is in
/// message_delta.
class ChunksToMessageEvents final : public StreamTranslator {
 public:
  explicit ChunksToMessageEvents(std::size_t max_event_bytes = StreamReader::kMaxEventBytes)
      : StreamTranslator(max_event_bytes) {}

  /// A stream without [DONE] has ended where the reason of its end was told.
  Status finish() override;

 private:
  Status take_data(std::string_view data) override;
  void start_message(const boost::json::object& chunk);
  void add_text(std::string_view text);
  void add_call(const boost::json::object& call);
  std::uint64_t start_call(std::int64_t key, const boost::json::object& call);
  void start_block(boost::json::object block);
  void stop_block();
  void write_delta(std::uint64_t block, boost::json::object delta);
  void end_message();
  void write(std::string_view name, boost::json::object data);

  /// A tool call's block.
  struct Call {
    std::uint64_t block = 0;
    std::string id;
  };

  bool started_ = false;
  std::uint64_t blocks_ = 0;            // begun so far
  bool block_open_ = false;             // the last of them
  bool text_open_ = false;              // and it is text
  std::map<std::int64_t, Call> calls_;  // by OpenAI's index, the newest of each
  std::string finish_reason_;
  boost::json::object usage_;
};

}  // namespace yardmaster::env
