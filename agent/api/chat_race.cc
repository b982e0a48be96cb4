// The models called for a chat request at the same time: one, and beside one that is slow to
// answer, where the config says so, a second.

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdio>

#include "agent/api/api.h"
#include "agent/api/chat_run.h"

namespace yardmaster::agent {

namespace asio = boost::asio;

namespace {

using SteadyClock = std::chrono::steady_clock;

std::string seconds_text(SteadyClock::duration time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g s", std::chrono::duration<double>(time).count());
  return text;
}

}  // namespace

void Api::ChatLeg::cancel() {
  if (ended || std::exchange(cancelled, true)) return;
  signal.emit(asio::cancellation_type::terminal);
}

asio::awaitable<void> Api::ChatRace::wait_until(SteadyClock::time_point time) {
  if (!woken) {
    timer.expires_at(time);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  woken = false;
}

void Api::ChatRace::wake() {
  woken = true;
  timer.cancel();
}

std::shared_ptr<Api::ChatLeg> Api::ChatRace::winner() const {
  const auto first = [&](const auto& is_it) {
    const auto found = std::find_if(ended.begin(), ended.end(), is_it);
    return found == ended.end() ? nullptr : *found;
  };
  if (auto good = first([](const auto& leg) { return leg->attempt.success(); })) return good;
  if (ended.size() < legs.size()) return nullptr;
  // The client's own mistake is an answer that another model would give it too.
  if (auto refused = first([](const auto& leg) { return !leg->attempt.failed(); })) return refused;
  return ended.back();
}

/// Has the client's leaving end the race that is on.
void Api::watch_client(ChatRun& run) {
  if (run.request.client == nullptr || std::exchange(run.watched, true)) return;
  run.request.client->when_gone([weak = run.weak_from_this()] {
    const std::shared_ptr<ChatRun> left = weak.lock();
    if (!left) return;
    left->client_gone = true;
    if (const auto race = left->race.lock()) race->wake();
  });
}

/// Whether a second model may be called beside the next. One that the client named is the only one
/// that will do, and where nothing can be logged, or the query has no features, there is no more
/// than the baseline.
bool Api::may_hedge(const ChatRun& run) const {
  return services_.hedging.settings().enabled && run.service != nullptr && run.hedge.empty() &&
         !run.options.baseline_only && run.attempts < services_.max_attempts;
}

/// When the leg is late; never where it may not be hedged, or nobody knows.
SteadyClock::time_point Api::hedge_time(const ChatRun& run, const ChatLeg& leg) {
  constexpr auto kNever = SteadyClock::time_point::max();
  if (!may_hedge(run)) return kNever;
  services_.hedging.begin();
  const auto wait = services_.hedging.wait(index_of(*leg.target.model), run.query.stream);
  if (!wait) return kNever;
  const auto time = leg.start + std::chrono::duration_cast<SteadyClock::duration>(*wait);
  return time < run.deadline ? time : kNever;
}

/// The policy's next choice, by a decision of its own: among the others that the query and its
/// budgets leave.
Result<Api::ChatTarget> Api::choose_hedge(ChatRun& run, const ChatLeg& slow) {
  leave_out_failed(run);
  const Decision& first = *slow.target.decision;
  run.options.down[index_of(*slow.target.model)] = "called for this query in decision " +
                                                   first.id.str() + ", which has no answer after " +
                                                   seconds_text(SteadyClock::now() - slow.start);
  if (Status affords = leave_out_unaffordable(run); !affords) return fail(affords.error());
  run.options.features = first.features.values;
  run.options.hedge_of = first.id;
  auto target = draw(run);
  run.options.hedge_of.reset();
  return target;
}

/// Calls another model beside the one that is late, unless its answer has begun, too many were
/// hedged of late, or there is none.
void Api::hedge(const std::shared_ptr<ChatRun>& run, const std::shared_ptr<ChatRace>& race,
                const asio::any_io_executor& executor) {
  const ChatLeg& slow = *race->legs.front();
  const bool begun = slow.progress.answered && !run->query.stream;
  if (begun || services_.store_failed.load(std::memory_order_relaxed)) return;
  if (!services_.hedging.take()) return;
  auto target = choose_hedge(*run, slow);
  if (!target) return services_.hedging.give_back();
  metrics_of(*target->model).hedges.add();
  run->hedge = "lost";
  watch_client(*run);
  start_leg(run, race, std::move(*target), executor);
}

/// Has a coroutine of its own call the model, which can then be given up.
void Api::start_leg(const std::shared_ptr<ChatRun>& run, const std::shared_ptr<ChatRace>& race,
                    ChatTarget target, const asio::any_io_executor& executor) {
  auto leg = std::make_shared<ChatLeg>(std::move(target));
  race->legs.push_back(leg);
  ++run->attempts;
  auto done = [race, leg](std::exception_ptr failure) {
    if (leg->cancelled) return;
    leg->ended = true;
    if (failure) race->failure = std::move(failure);
    race->ended.push_back(leg);
    race->wake();
  };
  asio::co_spawn(executor, call_model(run, leg),
                 asio::bind_cancellation_slot(leg->signal.slot(), std::move(done)));
}

/// Waits until the race is won or the client has left; nullptr then. Calls that failed are
/// concluded meanwhile.
asio::awaitable<std::shared_ptr<Api::ChatLeg>> Api::await_winner(std::shared_ptr<ChatRun> run,
                                                                 std::shared_ptr<ChatRace> race) {
  const auto executor = co_await asio::this_coro::executor;
  auto hedge_at = hedge_time(*run, *race->legs.front());
  while (!run->client_gone) {
    if (race->failure) std::rethrow_exception(race->failure);
    if (auto winner = race->winner()) co_return winner;
    for (std::size_t i = 0; i < race->ended.size(); ++i) {
      const std::shared_ptr<ChatLeg> leg = race->ended[i];
      if (!leg->concluded && leg->attempt.failed()) co_await conclude(*run, *leg);
    }
    co_await race->wait_until(hedge_at);
    if (SteadyClock::now() < hedge_at || !race->ended.empty() || run->client_gone) continue;
    hedge_at = SteadyClock::time_point::max();
    hedge(run, race, executor);
  }
  co_return nullptr;
}

/// What became of the call in a race that another one won, or that the client left.
std::string Api::why_lost(const ChatRun& run, const ChatRace& race, const ChatLeg& leg) {
  if (run.client_gone) return "the client left before the answer was there";
  const ChatLeg& hedge = *race.legs.back();
  const std::string after = "given up after " + seconds_text(SteadyClock::now() - leg.start);
  if (&leg == &hedge) return after + ": the call that it hedges was answered first";
  return after + ": its hedge, decision " + hedge.target.decision->id.str() + ", answered first";
}

/// Records what came of each call.
asio::awaitable<void> Api::conclude_race(std::shared_ptr<ChatRun> run,
                                         std::shared_ptr<ChatRace> race,
                                         std::shared_ptr<ChatLeg> winner) {
  if (winner != nullptr && winner != race->legs.front() && winner->attempt.success()) {
    run->hedge = "won";
    metrics_of(*winner->target.model).hedges_won.add();
    remember_turn(run->options, *winner->target.decision);
  }
  for (const std::shared_ptr<ChatLeg>& leg : race->legs) {
    if (leg == winner || leg->concluded) continue;
    std::string why = why_lost(*run, *race, *leg);
    co_await conclude_lost(*run, *leg, std::move(why));
  }
  if (winner != nullptr && !winner->concluded) co_await conclude(*run, *winner);
}

/// Calls the model that was chosen and, if it is slow, perhaps one beside it. The call to answer
/// with, concluded; nullptr where the client has left.
asio::awaitable<std::shared_ptr<Api::ChatLeg>> Api::call_models(std::shared_ptr<ChatRun> run,
                                                                ChatTarget target) {
  const env::Upstream* const upstream = upstream_of(*target.model);
  if (run->attempts == 0 && upstream != nullptr) {
    run->deadline = run->start + upstream->spec().total_timeout;
  }
  if (run->attempts > 0) metrics_of(*target.model).fallbacks.add();
  const auto start = SteadyClock::now();
  if (!may_hedge(*run) && !run->query.stream) {
    auto leg = std::make_shared<ChatLeg>(std::move(target));
    ++run->attempts;
    co_await call_model(run, leg);
    leg->ended = true;
    run->upstream_s += std::chrono::duration<double>(SteadyClock::now() - start).count();
    co_await conclude(*run, *leg);
    co_return leg;
  }
  const auto executor = co_await asio::this_coro::executor;
  auto race = std::make_shared<ChatRace>(executor);
  run->race = race;
  if (run->query.stream) watch_client(*run);
  start_leg(run, race, std::move(target), executor);
  std::shared_ptr<ChatLeg> winner;
  std::exception_ptr failure;
  try {
    auto waiting = await_winner(run, race);
    winner = co_await std::move(waiting);
  } catch (...) {
    failure = std::current_exception();
  }
  run->upstream_s += std::chrono::duration<double>(SteadyClock::now() - start).count();
  for (const auto& leg : race->legs) {
    if (leg != winner) leg->cancel();
  }
  if (failure) std::rethrow_exception(failure);
  co_await conclude_race(run, race, winner);
  co_return winner;
}

}  // namespace yardmaster::agent
