#include "agent/logs/load.h"

#include <future>
#include <memory>
#include <utility>

#include "agent/logs/line_reader.h"
#include "replay/decision_log.h"

namespace yardmaster::agent {
namespace {

constexpr std::size_t kRowsAtOnce = 512;
constexpr std::size_t kImportsAtOnce = 512;

/// Whether the store itself refuses to go on, so that the lines that follow would fare the same.
bool store_failed(const Error& error) {
  return error.code == ErrorCode::unavailable || error.code == ErrorCode::io ||
         error.code == ErrorCode::corrupt;
}

/// An import on its way to the disk.
struct PendingImport {
  std::uint64_t line;
  std::future<Status> done;
};

PendingImport start_import(replay::Store& store, DecisionRecord record, std::uint64_t line) {
  auto promise = std::make_shared<std::promise<Status>>();
  PendingImport pending{line, promise->get_future()};
  store.import_record(std::move(record),
                      [promise](Status status) { promise->set_value(std::move(status)); });
  return pending;
}

Status finish_imports(std::vector<PendingImport>& pending, LogReport& report) {
  for (PendingImport& import : pending) {
    const Status status = import.done.get();
    if (status) {
      report.used(import.line, {});
    } else if (store_failed(status.error())) {
      return fail(status.error());
    } else {
      report.refused(import.line, status.error().message);
    }
  }
  pending.clear();
  return {};
}

}  // namespace

Result<MadeRow> row_from_line(std::string_view line, LogFormat format, const RowMaker& maker,
                              Timestamp now) {
  switch (format) {
    case LogFormat::outcomes: {
      const auto example = env::parse_outcome_line(line);
      if (!example) return fail(example.error());
      return maker.from_outcomes(*example, now);
    }
    case LogFormat::decisions: {
      const auto record = replay::from_json_line(line);
      if (!record) return fail(record.error());
      return maker.from_decision(*record);
    }
    case LogFormat::litellm: {
      const auto call = parse_litellm_line(line);
      if (!call) return fail(call.error());
      return maker.from_litellm(*call, now);
    }
  }
  return fail(ErrorCode::invalid_argument, "unknown log format");
}

Result<LogReport> read_rows(const std::string& path, std::optional<LogFormat> format,
                            const RowMaker& maker, const replay::Store& store, Timestamp now,
                            const std::function<Status(std::vector<TrainingRow>)>& take,
                            const LoadProgress& progress) {
  auto reader = LineReader::open(path);
  if (!reader) return fail(reader.error());
  LogReport report;
  std::vector<TrainingRow> rows;
  while (const auto line = reader->next()) {
    if (!format) {
      const auto detected = detect_log_format(*line);
      if (!detected) return fail(detected.error());
      format = *detected;
    }
    auto made = row_from_line(*line, *format, maker, now);
    if (made && made->decision != DecisionId() && store.find(made->decision)) {
      made = fail(ErrorCode::conflict,
                  "the decision is in this data directory already, and is learned from there");
    }
    if (!made) {
      report.refused(reader->line(), made.error().message);
      continue;
    }
    report.used(reader->line(), made->left_out);
    rows.push_back(std::move(made->row));
    if (rows.size() < kRowsAtOnce) continue;
    if (Status taken = take(std::exchange(rows, {})); !taken) return fail(taken.error());
    if (progress) progress(reader->bytes_read(), reader->file_bytes());
  }
  if (!rows.empty()) {
    if (Status taken = take(std::move(rows)); !taken) return fail(taken.error());
  }
  return report;
}

Status append_and_wait(replay::Store& store, std::vector<TrainingRow> rows) {
  std::promise<Status> promise;
  auto done = promise.get_future();
  store.append_rows(std::move(rows),
                    [&promise](Status status) { promise.set_value(std::move(status)); });
  return done.get();
}

Result<LogReport> import_decisions(const std::string& path, replay::Store& store,
                                   const std::function<void(DecisionRecord&)>& prepare,
                                   const LoadProgress& progress) {
  auto reader = LineReader::open(path);
  if (!reader) return fail(reader.error());
  LogReport report;
  std::vector<PendingImport> pending;
  while (const auto line = reader->next()) {
    auto record = replay::from_json_line(*line);
    if (!record) {
      report.refused(reader->line(), record.error().message);
      continue;
    }
    if (prepare) prepare(*record);
    pending.push_back(start_import(store, std::move(*record), reader->line()));
    if (pending.size() < kImportsAtOnce) continue;
    if (Status finished = finish_imports(pending, report); !finished) {
      return fail(finished.error());
    }
    if (progress) progress(reader->bytes_read(), reader->file_bytes());
  }
  if (Status finished = finish_imports(pending, report); !finished) return fail(finished.error());
  return report;
}

}  // namespace yardmaster::agent
