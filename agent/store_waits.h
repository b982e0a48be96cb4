#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "replay/store.h"

namespace yardmaster::agent {

/// Waits of one io thread for answers of the store, none longer than a limit: a disk that
/// hangs, instead of failing, must not make the clients hang with it. One timer for all of them,
/// since arming one for each wait costs as much as a small request. Used on the io thread; it
/// outlives the io_context's last handler.
class StoreWaits {
  struct Wait;

 public:
  /// A started operation, of which the answer may have come or not.
  template <class Value>
  class Pending;

  template <class Value>
  using Told = std::function<void(const std::optional<Value>&)>;

  /// `store`, if any, is held while the io_context runs what is ready now, so that all that starts
  /// meanwhile wakes its writer once.
  StoreWaits(boost::asio::any_io_executor executor, std::chrono::milliseconds limit,
             replay::Store* store = nullptr)
      : executor_(std::move(executor)), limit_(limit), timer_(executor_), store_(store) {}

  /// Answers that come later find nobody, nor the io_context, which may go then.
  ~StoreWaits();
  /// After the io thread's end and before the store's: nothing of the store is touched any more,
  /// and nobody waits.
  void stop();

  StoreWaits(const StoreWaits&) = delete;
  StoreWaits& operator=(const StoreWaits&) = delete;

  /// Calls `start` with a function that takes a Value and is called once, by any thread. While an
  /// answer is overdue it starts nothing, which would wait in the same queue: then there is no
  /// answer, as when the limit passes, though the operation may then still succeed. `told`, if any,
  /// is called on the io thread as soon as the answer is there, or it is sure that none will be.
  template <class Value, class Start>
  std::shared_ptr<Pending<Value>> begin(Start&& start, Told<Value> told = {}) {
    auto pending = std::make_shared<Pending<Value>>();
    pending->told = std::move(told);
    if (overdue_ > 0) {
      pending->settled = true;
      pending->tell();
      return pending;
    }
    hold_store();
    watch(pending);
    start([this, pending, gate = gate_](Value value) {
      const std::lock_guard lock(gate->mutex);
      if (!gate->open) return;
      boost::asio::post(executor_, [this, pending, value = std::move(value)]() mutable {
        if (!answered(*pending)) return;
        pending->value = std::move(value);
        pending->tell();
        pending->resume();
      });
    });
    return pending;
  }

  /// The answer, waited for up to the limit; nothing where there is none. Once for each operation.
  template <class Value>
  static boost::asio::awaitable<std::optional<Value>> finish(
      std::shared_ptr<Pending<Value>> pending) {
    if (!pending->settled) {
      auto initiate = [&pending](auto handler) {
        pending->waiter = std::make_unique<WaiterFor<decltype(handler)>>(std::move(handler));
      };
      co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
          initiate, boost::asio::use_awaitable);
    }
    co_return std::move(pending->value);
  }

  /// begin() and finish() in one. `start` is a named object, never a temporary lambda: GCC 12
  /// destroys captures of temporaries in a co_await expression too early.
  template <class Value, class Start>
  boost::asio::awaitable<std::optional<Value>> await(Start& start) {
    auto pending = begin<Value>(start);
    co_return co_await finish(std::move(pending));
  }

 private:
  struct Waiter {
    virtual ~Waiter() = default;
    virtual void operator()() = 0;
  };

  template <class Handler>
  struct WaiterFor final : Waiter {
    explicit WaiterFor(Handler h) : handler(std::move(h)) {}
    void operator()() override { std::move(handler)(); }
    Handler handler;
  };

  struct Wait {
    virtual ~Wait() = default;
    virtual void tell() = 0;
    void resume() {
      if (const auto waiting = std::move(waiter)) (*waiting)();
    }

    std::chrono::steady_clock::time_point deadline;
    bool settled = false;  ///< answered, given up, or never started
    std::unique_ptr<Waiter> waiter;
  };

  /// What the store's threads pass to get here.
  struct Gate {
    std::mutex mutex;
    bool open = true;
  };

  void watch(std::shared_ptr<Wait> wait);
  bool answered(Wait& wait);
  void forget_settled();
  void arm();
  void sweep();
  void hold_store();
  void release_store();

  boost::asio::any_io_executor executor_;
  std::chrono::milliseconds limit_;
  boost::asio::steady_timer timer_;
  bool armed_ = false;
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  std::deque<std::shared_ptr<Wait>> waits_;  // in the order of their deadlines
  std::size_t overdue_ = 0;                  // given up, and not answered yet
  replay::Store* store_;
  bool holds_ = false;
};

template <class Value>
class StoreWaits::Pending final : public Wait {
 private:
  friend StoreWaits;
  void tell() override {
    if (told) told(value);
  }
  std::optional<Value> value;
  Told<Value> told;
};

}  // namespace yardmaster::agent
