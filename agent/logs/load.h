#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/logs/log_format.h"
#include "agent/logs/log_report.h"
#include "agent/logs/row_maker.h"
#include "base/result.h"
#include "base/time.h"
#include "replay/store.h"

namespace yardmaster::agent {

/// Called now and then with bytes of the file: done, total.
using LoadProgress = std::function<void(std::uint64_t, std::uint64_t)>;

/// Makes a training row of one line of a log. `now` stands for a time that the line does not tell.
Result<MadeRow> row_from_line(std::string_view line, LogFormat format, const RowMaker& maker,
                              Timestamp now);

/// Calls `take` with the rows of a log, some hundreds at a time, in the order of its lines; its
/// failure ends the reading. Without a format the first line tells it. A line that cannot be used
/// is counted in the report; so is a decision that `store` has, whose row is or will be made there.
/// Fails with io where the file cannot be read.
Result<LogReport> read_rows(const std::string& path, std::optional<LogFormat> format,
                            const RowMaker& maker, const replay::Store& store, Timestamp now,
                            const std::function<Status(std::vector<TrainingRow>)>& take,
                            const LoadProgress& progress);

/// Appends rows to the store and waits until they are synced.
Status append_and_wait(replay::Store& store, std::vector<TrainingRow> rows);

/// Imports decision-log lines, each as `prepare` leaves it; a decision that the store has already
/// is skipped. Returns the report, in which a skipped line counts as used, or the store's failure.
Result<LogReport> import_decisions(const std::string& path, replay::Store& store,
                                   const std::function<void(DecisionRecord&)>& prepare,
                                   const LoadProgress& progress);

}  // namespace yardmaster::agent
