#pragma once

#include <optional>

#include "agent/keys/key_charges.h"
#include "agent/keys/keyring.h"
#include "base/decision.h"
#include "base/result.h"
#include "base/time.h"
#include "replay/store.h"

namespace yardmaster::agent {

/// Tokens that an outcome says were used; nothing where the estimate has to stand in. A failed call
/// used none unless it says so.
std::optional<double> tokens_of(const Outcome& outcome);

/// Charges the keys anew with the stored decisions of the UTC day of `now`, so that a day's budget
/// holds across a restart. Tokens are left out: the limit per minute starts anew. Fails with what
/// reading the store fails with.
Status restore_charges(const replay::Store& store, Timestamp now, const Keyring& keys,
                       KeyCharges& charges);

}  // namespace yardmaster::agent
