#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "base/random.h"
#include "base/time.h"
#include "env/query.h"
#include "env/simulated_stream.h"
#include "env/simulated_world.h"
#include "env/upstream.h"

namespace yardmaster::env {

/// Answers chat completions in process, as a SimulatedWorld says: an OpenAI body with text about
/// the query's topic, the usage, and a finish reason; 400 for a body that is no chat completion.
/// Serves any model, streaming or not. States the simulated latency, and waits that long times
/// `time_scale`.
class SimulatedUpstream final : public Upstream {
 public:
  /// Of the spec counts the seed, the time scale (0 answers at once) and the name. `ids` makes the
  /// answers' ids, which must differ between upstreams and runs.
  SimulatedUpstream(UpstreamSpec spec, Clock clock, Rng ids, boost::asio::any_io_executor executor);

  boost::asio::awaitable<Result<ChatAnswer>> chat(ChatCall call) override;
  boost::asio::awaitable<Result<StreamedAnswer>> stream(ChatCall call) override;
  boost::asio::awaitable<Result<ChatAnswer>> list_models(
      std::chrono::steady_clock::time_point deadline) override;
  const UpstreamSpec& spec() const override { return spec_; }

 private:
  SimulatedAnswer make_answer(const ModelSpec& model, const Query& query);

  UpstreamSpec spec_;
  SimulatedWorld world_;
  Clock clock_;
  Rng ids_;
  boost::asio::any_io_executor executor_;
};

/// The upstream of a spec of kind simulated, with the machine's clock and ids of its own.
std::unique_ptr<Upstream> make_simulated_upstream(const UpstreamSpec& spec,
                                                  boost::asio::any_io_executor executor);

}  // namespace yardmaster::env
