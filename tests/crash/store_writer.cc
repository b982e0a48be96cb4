// Writes to a store until it is killed. Prints a line for each thing that the store has
// acknowledged: "decision N", "outcome N" or "feedback N", where N names the decision whose id
// is made from the seed and N.
//
//   store_writer DIRECTORY FIRST_N [forget]
//
// With `forget` every text is removed soon after it was stored.

#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <mutex>
#include <string>

#include "replay/store.h"
#include "tests/crash/store_workload.h"

namespace {

using namespace yardmaster;

/// One write(2) a line, so that a line is there whole or not at all.
void acknowledge(const char* what, std::uint64_t number) {
  const std::string line = std::string(what) + " " + std::to_string(number) + "\n";
  if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::cerr << "usage: store_writer DIRECTORY FIRST_N [forget]\n";
    return 2;
  }
  auto store = replay::Store::open(
      argc == 4 ? crash::forgetful_options(argv[1]) : crash::store_options(argv[1]),
      crash::objective());
  if (!store) {
    std::cerr << store.error().message << "\n";
    return 1;
  }
  for (std::uint64_t n = std::strtoull(argv[2], nullptr, 10);; ++n) {
    const auto report = [n](const char* what) {
      return [n, what](const Status& status) {
        if (status) acknowledge(what, n);
      };
    };
    (*store)->append_decision(crash::decision(n), report("decision"));
    (*store)->append_outcome(crash::decision_id(n), crash::outcome(n),
                             "response-" + std::to_string(n), report("outcome"));
    (*store)->append_feedback(
        {crash::feedback(n)}, [n](const std::vector<replay::FeedbackResult>& results) {
          if (results.front().state == replay::FeedbackResult::State::stored) {
            acknowledge("feedback", n);
          }
        });
    // A bounded number is under way, so that the kill hits all stages of a record.
    while ((*store)->stats().queued > 64) ::usleep(100);
  }
}
