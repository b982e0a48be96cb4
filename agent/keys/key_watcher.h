#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "agent/keys/keyring.h"

namespace yardmaster::agent {

/// A thread that has a keyring take in what others change in its file. A file that cannot be read
/// is an error in the log, and the keys of before stay.
class KeyWatcher {
 public:
  /// `keys` outlives this.
  KeyWatcher(Keyring& keys, std::chrono::milliseconds interval);
  ~KeyWatcher();

 private:
  void run(std::chrono::milliseconds interval);

  Keyring& keys_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace yardmaster::agent
