#include "replay/syncer.h"

#include <iterator>
#include <utility>

#include "base/failpoint.h"
#include "base/this_thread.h"

namespace yardmaster::replay {

Syncer::Syncer(const Database& database, Health& health)
    : database_(database), health_(health), thread_([this] { run(); }) {}

Syncer::~Syncer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Syncer::after_sync(std::vector<Completion> completions) {
  bool was_wanted;
  {
    const std::lock_guard lock(mutex_);
    was_wanted = std::exchange(wanted_, true);
    waiting_.insert(waiting_.end(), std::make_move_iterator(completions.begin()),
                    std::make_move_iterator(completions.end()));
  }
  if (!was_wanted) wake_.notify_one();
}

void Syncer::run() {
  name_this_thread("store-syncer");
  ask_for_short_slices();
  std::vector<Completion> covered;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || wanted_; });
      if (!std::exchange(wanted_, false)) return;
      covered.swap(waiting_);
    }
    failpoint("store.before_sync");
    const Status synced = sync();
    failpoint("store.after_sync");
    for (const Completion& complete : covered) complete(synced);
    covered.clear();
  }
}

Status Syncer::sync() const {
  Status synced = database_.sync();
  if (!synced) {
    synced.error().code = ErrorCode::unavailable;
    health_.set_failed(synced.error().message);
  }
  return synced;
}

}  // namespace yardmaster::replay
