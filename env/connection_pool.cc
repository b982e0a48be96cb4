#include "env/connection_pool.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace yardmaster::env {

namespace asio = boost::asio;

/// A call that waits for a lease, in its coroutine's frame.
struct ConnectionPool::Waiter {
  Waiter(std::shared_ptr<ConnectionPool> its_pool, SteadyTime deadline)
      : pool(std::move(its_pool)), timer(pool->executor_, deadline) {
    place = pool->waiters_.insert(pool->waiters_.end(), this);
  }
  ~Waiter() {
    if (!granted) pool->waiters_.erase(place);
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  std::shared_ptr<ConnectionPool> pool;
  asio::steady_timer timer;
  std::list<Waiter*>::iterator place;
  bool granted = false;
  std::optional<Lease> lease;
};

ConnectionPool::Lease::~Lease() {
  if (!pool_) return;  // moved from
  if (!keep_) connection_.reset();
  pool_->give_back(std::move(connection_));
}

ConnectionPool::ConnectionPool(asio::any_io_executor executor, std::size_t max_connections,
                               std::chrono::milliseconds idle_timeout)
    : max_connections_(max_connections),
      idle_timeout_(idle_timeout),
      executor_(executor),
      closing_(executor) {}

asio::awaitable<std::optional<ConnectionPool::Lease>> ConnectionPool::acquire(SteadyTime deadline) {
  if (auto connection = take_idle()) {
    co_return Lease(shared_from_this(), std::move(connection));
  }
  if (open_ < max_connections_) {
    ++open_;
    co_return Lease(shared_from_this(), nullptr);
  }
  Waiter waiter(shared_from_this(), deadline);
  co_await waiter.timer.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return std::move(waiter.lease);
}

/// The idle connection used last, which is the likeliest to be alive still.
std::unique_ptr<UpstreamConnection> ConnectionPool::take_idle() {
  while (!idle_.empty()) {
    auto connection = std::move(idle_.back().connection);
    idle_.pop_back();
    if (connection->is_quiet()) return connection;
    --open_;
  }
  return nullptr;
}

void ConnectionPool::give_back(std::unique_ptr<UpstreamConnection> connection) {
  if (!waiters_.empty()) {
    Waiter* next = waiters_.front();
    waiters_.pop_front();
    next->granted = true;
    next->lease.emplace(shared_from_this(), std::move(connection));
    next->timer.cancel();
    return;
  }
  if (!connection) {
    --open_;
    return;
  }
  idle_.push_back({std::move(connection), std::chrono::steady_clock::now()});
  schedule_closing();
}

void ConnectionPool::schedule_closing() {
  if (closing_scheduled_ || idle_.empty()) return;
  closing_scheduled_ = true;
  closing_.expires_at(idle_.front().since + idle_timeout_);
  closing_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto pool = weak.lock();
    if (error || !pool) return;
    pool->closing_scheduled_ = false;
    pool->close_old();
    pool->schedule_closing();
  });
}

void ConnectionPool::close_old() {
  const auto now = std::chrono::steady_clock::now();
  while (!idle_.empty() && idle_.front().since + idle_timeout_ <= now) {
    idle_.pop_front();
    --open_;
  }
}

}  // namespace yardmaster::env
