#include "env/observation.h"

namespace yardmaster::env {

std::vector<Candidate> candidates_of(const Decision& decision, const ModelPool& pool) {
  std::vector<Candidate> candidates;
  candidates.reserve(decision.candidates.size());
  for (const std::string& name : decision.candidates) {
    const ModelSpec* model = pool.find(name);
    candidates.push_back({name, model == nullptr ? 0 : model->price_reference(), 0});
  }
  return candidates;
}

}  // namespace yardmaster::env
