#pragma once

#include <cstddef>

#include "base/result.h"
#include "base/training_row.h"

namespace yardmaster::policies {

/// What every learner demands of a row: `dimension` finite features; named models; values that
/// are finite, within +-1e9, costs, latencies and price references not negative. Fails with
/// invalid_argument.
Status check_training_row(const TrainingRow& row, std::size_t dimension);

}  // namespace yardmaster::policies
