#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "base/time.h"
#include "env/simulated_world.h"
#include "env/upstream.h"

namespace yardmaster::env {

/// An answer that a simulated model has made up.
struct SimulatedAnswer {
  std::string id;
  Timestamp time;
  std::string model;  ///< as the upstream calls it
  std::string text;
  bool cut = false;  ///< max_tokens ended it
  SimulatedOutcome outcome;
};

/// The answer as a stream of OpenAI's chunks: the role, the text piece by piece, the reason of the
/// end, the usage alone if `with_usage`, [DONE]. With `time_scale` 0 all of it is there at once;
/// else it takes the answer's latency times that, a fifth of it until the first piece.
std::unique_ptr<AnswerStream> make_simulated_stream(SimulatedAnswer answer, bool with_usage,
                                                    double time_scale,
                                                    boost::asio::any_io_executor executor);

}  // namespace yardmaster::env
