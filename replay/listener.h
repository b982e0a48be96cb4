#pragma once

#include <rocksdb/listener.h>

#include <memory>

#include "base/background_work.h"

namespace yardmaster::replay {

/// What RocksDB tells of its own threads' work: makes them nicer than those that serve, says in
/// `work`, which outlives the database, when they flush or compact, and keeps RocksDB from resuming
/// by itself after an error, since that would sync a log in which a write failed; revive() opens
/// anew instead. Thread-safe.
std::shared_ptr<rocksdb::EventListener> make_listener(BackgroundWork& work);

}  // namespace yardmaster::replay
