#include "agent/store_waits.h"

#include <utility>

namespace yardmaster::agent {

StoreWaits::~StoreWaits() {
  stop();
  const std::lock_guard lock(gate_->mutex);
  gate_->open = false;
}

void StoreWaits::stop() {
  release_store();
  store_ = nullptr;
  // Each wait that nobody answered owns the coroutine that owns it.
  for (const auto& wait : std::exchange(waits_, {})) wait->waiter.reset();
}

void StoreWaits::watch(std::shared_ptr<Wait> wait) {
  wait->deadline = std::chrono::steady_clock::now() + limit_;
  waits_.push_back(std::move(wait));
  if (!armed_) arm();
}

/// False for an answer that came too late.
bool StoreWaits::answered(Wait& wait) {
  if (std::exchange(wait.settled, true)) {
    --overdue_;
    return false;
  }
  forget_settled();
  return true;
}

void StoreWaits::forget_settled() {
  while (!waits_.empty() && waits_.front()->settled) waits_.pop_front();
}

void StoreWaits::arm() {
  armed_ = true;
  timer_.expires_at(waits_.front()->deadline);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) sweep();
  });
}

void StoreWaits::sweep() {
  armed_ = false;
  const auto now = std::chrono::steady_clock::now();
  for (forget_settled(); !waits_.empty() && waits_.front()->deadline <= now; forget_settled()) {
    const std::shared_ptr<Wait> wait = waits_.front();
    wait->settled = true;
    ++overdue_;
    wait->tell();
    wait->resume();  // may go on to the next wait, and so change waits_
  }
  if (!waits_.empty() && !armed_) arm();
}

/// Until the handlers that are ready now have run: what is posted runs behind them.
void StoreWaits::hold_store() {
  if (store_ == nullptr || holds_) return;
  boost::asio::post(executor_, [this] { release_store(); });
  store_->hold();
  holds_ = true;
}

void StoreWaits::release_store() {
  if (std::exchange(holds_, false)) store_->release();
}

}  // namespace yardmaster::agent
