#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/decision.h"
#include "base/random.h"
#include "base/training_row.h"
#include "replay/codec.h"
#include "replay/database.h"
#include "replay/store.h"

/// The reading half of Store, over a view. Where it says snapshot, the view must be one.
namespace yardmaster::replay {

/// As they stand in the view.
Result<Counters> read_counters(const Database::View& view);
Result<TextMarks> read_text_marks(const Database::View& view);

/// Store::find; snapshot.
Result<DecisionRecord> find_record(const Database::View& snapshot, const DecisionId& id);

/// Store::rows_after.
Result<std::vector<TrainingRow>> read_rows(const Database::View& view, std::uint64_t after,
                                           std::size_t limit);

/// Store::for_each_decision; snapshot.
Status visit_decisions(const Database::View& snapshot, std::uint64_t from,
                       const std::function<bool(const DecisionRecord&)>& visit);

/// Store::sample; snapshot.
Result<std::vector<SampledRow>> sample_rows(const Database::View& snapshot, std::size_t count,
                                            double half_life_rows, Rng& rng);

}  // namespace yardmaster::replay
