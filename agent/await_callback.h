#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <utility>

namespace yardmaster::agent {

/// Waits for an operation that answers through a callback from another thread: `start` is called
/// with a std::function<void(Value)> that must be called once; the coroutine goes on, on its own
/// executor, with that value. `start` is a named object, never a temporary lambda: GCC 12 destroys
/// captures of temporaries in a co_await expression too early.
template <class Value, class Start>
boost::asio::awaitable<Value> await_callback(Start& start) {
  namespace asio = boost::asio;
  auto initiate = [&start](auto handler) {
    auto executor = asio::get_associated_executor(handler);
    auto work = asio::make_work_guard(executor);
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    start([shared, executor, work = std::move(work)](Value value) {
      asio::post(executor, [shared, value = std::move(value)]() mutable {
        std::move (*shared)(std::move(value));
      });
    });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Value)>(
      initiate, asio::use_awaitable);
}

}  // namespace yardmaster::agent
