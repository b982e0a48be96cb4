#pragma once

#include <cstdint>
#include <memory>

#include "agent/published.h"
#include "policies/policy.h"

namespace yardmaster::agent {

/// A policy and the number of training rows that it has learned.
struct PublishedPolicy {
  std::shared_ptr<const policies::Policy> policy;  ///< nullptr: none is valid, serve the baseline
  std::uint64_t version = 0;
  bool successor = false;  ///< it decides on the features of the router's successor encoder
};

/// Where the learner publishes a router's policy and io threads read it.
using PolicySlot = Published<PublishedPolicy>;

}  // namespace yardmaster::agent
