#pragma once

#include <boost/json/object.hpp>
#include <iosfwd>
#include <span>

#include "agent/evaluation/evaluator.h"

namespace yardmaster::agent {

/// The table of `evaluate`: a line a policy, below them what was done and each model alone; then
/// what the reader must know before believing it.
void print_values(std::ostream& out, std::span<const PolicyValue> values);

/// docs/evaluate.md says what each field means.
boost::json::object values_json(std::span<const PolicyValue> values);

}  // namespace yardmaster::agent
