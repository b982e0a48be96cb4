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
#include <memory>
#include <optional>
#include <utility>

namespace yardmaster::agent {

/// Waits of one io thread for answers of the store, none longer than a limit: a disk that
/// hangs, instead of failing, must not make the clients hang with it. One timer for all of them,
/// since arming one for each wait costs as much as a small request. Used on the io thread; it
/// outlives the io_context's last handler.
class StoreWaits {
 public:
  StoreWaits(boost::asio::any_io_executor executor, std::chrono::milliseconds limit)
      : executor_(std::move(executor)), limit_(limit), timer_(executor_) {}

  /// Calls `start` with a function that takes a Value and is called once, by any thread. Gives the
  /// value, or nothing when the limit passed: the operation may then still succeed. While an answer
  /// is overdue it gives nothing at once and starts nothing, which would wait in the same queue.
  /// `start` is a named object, never a temporary lambda: GCC 12 destroys captures of temporaries
  /// in a co_await expression too early.
  template <class Value, class Start>
  boost::asio::awaitable<std::optional<Value>> await(Start& start) {
    if (overdue_ > 0) co_return std::nullopt;
    auto initiate = [this, &start](auto handler) {
      auto wait = std::make_shared<WaitFor<Value, decltype(handler)>>(std::move(handler));
      watch(wait);
      start([this, wait](Value value) {
        boost::asio::post(executor_, [this, wait, value = std::move(value)]() mutable {
          if (!answered(*wait)) return;
          std::move(wait->handler)(std::optional<Value>(std::move(value)));
        });
      });
    };
    co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>,
                                                   void(std::optional<Value>)>(
        initiate, boost::asio::use_awaitable);
  }

 private:
  struct Wait {
    virtual ~Wait() = default;
    virtual void give_up() = 0;
    std::chrono::steady_clock::time_point deadline;
    bool settled = false;  ///< answered, or given up
  };

  template <class Value, class Handler>
  struct WaitFor final : Wait {
    explicit WaitFor(Handler h) : handler(std::move(h)) {}
    void give_up() override { std::move(handler)(std::optional<Value>()); }
    Handler handler;
  };

  void watch(std::shared_ptr<Wait> wait);
  bool answered(Wait& wait);
  void forget_settled();
  void arm();
  void sweep();

  boost::asio::any_io_executor executor_;
  std::chrono::milliseconds limit_;
  boost::asio::steady_timer timer_;
  bool armed_ = false;
  std::deque<std::shared_ptr<Wait>> waits_;  // in the order of their deadlines
  std::size_t overdue_ = 0;                  // given up, and not answered yet
};

}  // namespace yardmaster::agent
