#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <list>
#include <memory>
#include <optional>

#include "env/upstream_connection.h"

namespace yardmaster::env {

/// The keep-alive connections to one origin, on one io thread. At most so many are open at once;
/// who finds none free waits, first come first served. One thread.
class ConnectionPool : public std::enable_shared_from_this<ConnectionPool> {
 public:
  /// The right to one open connection, given back on destruction. Holds the pool alive, since an
  /// io_context destroyed with calls in it destroys leases late.
  class Lease {
   public:
    Lease(std::shared_ptr<ConnectionPool> pool, std::unique_ptr<UpstreamConnection> idle)
        : pool_(std::move(pool)), connection_(std::move(idle)) {}
    ~Lease();
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;

    /// nullptr: none was idle; open one and set() it.
    UpstreamConnection* connection() const { return connection_.get(); }
    void set(std::unique_ptr<UpstreamConnection> opened) { connection_ = std::move(opened); }

    /// Says that the exchange ended cleanly, so that the next call may use the connection. Without
    /// it the connection is closed.
    void keep() { keep_ = true; }

   private:
    std::shared_ptr<ConnectionPool> pool_;
    std::unique_ptr<UpstreamConnection> connection_;
    bool keep_ = false;
  };

  /// To be owned by a shared_ptr.
  ConnectionPool(boost::asio::any_io_executor executor, std::size_t max_connections,
                 std::chrono::milliseconds idle_timeout);

  /// A lease, with an idle connection if a good one is there. Nothing if none became free before
  /// `deadline`.
  boost::asio::awaitable<std::optional<Lease>> acquire(SteadyTime deadline);

  std::size_t open() const { return open_; }  ///< leased and idle
  std::size_t idle() const { return idle_.size(); }

 private:
  struct Idle {
    std::unique_ptr<UpstreamConnection> connection;
    SteadyTime since;
  };
  struct Waiter;

  std::unique_ptr<UpstreamConnection> take_idle();
  void give_back(std::unique_ptr<UpstreamConnection> connection);
  void close_old();
  void schedule_closing();

  const std::size_t max_connections_;
  const std::chrono::milliseconds idle_timeout_;
  std::size_t open_ = 0;
  std::deque<Idle> idle_;  // oldest first; the newest is used first
  std::list<Waiter*> waiters_;
  boost::asio::any_io_executor executor_;
  boost::asio::steady_timer closing_;
  bool closing_scheduled_ = false;
};

}  // namespace yardmaster::env
