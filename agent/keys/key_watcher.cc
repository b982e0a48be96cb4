#include "agent/keys/key_watcher.h"

#include <spdlog/spdlog.h>

#include "base/this_thread.h"

namespace yardmaster::agent {

KeyWatcher::KeyWatcher(Keyring& keys, std::chrono::milliseconds interval)
    : keys_(keys), thread_([this, interval] { run(interval); }) {}

KeyWatcher::~KeyWatcher() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void KeyWatcher::run(std::chrono::milliseconds interval) {
  name_this_thread("keys");
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, interval, [this] { return stopping_; })) {
    const auto loaded = keys_.load_if_changed();
    if (!loaded) {
      spdlog::error("keys: {}", loaded.error().message);
    } else if (*loaded) {
      spdlog::info("keys: those made at run time were read again");
    }
  }
}

}  // namespace yardmaster::agent
