#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/decision.h"
#include "base/result.h"
#include "env/model_pool.h"
#include "env/query.h"

namespace yardmaster::env {

/// Which tags somebody wants models to have, and not to have. The spans belong to the caller.
struct TagRule {
  std::string_view by;                        ///< who wants it, for reasons: "the request"
  std::span<const std::string> require = {};  ///< all of them
  std::span<const std::string> exclude = {};  ///< none of them
};

/// Why the rule leaves the model out; empty: it does not.
std::string against_tags(const ModelSpec& model, const TagRule& rule);

/// What bounds the choice besides the query itself. The spans belong to the caller.
struct FilterBounds {
  double input_tokens = 0;                      ///< estimate for the query, on the safe side
  std::span<const std::string> allow = {};      ///< model names; empty: all. Others are left out
  std::span<const std::string> deny = {};       ///< model names
  std::span<const std::string> key_allow = {};  ///< the same of the caller's API key
  std::span<const std::string> key_deny = {};
  std::span<const TagRule> tags = {};
  bool needs_upstream = false;             ///< leave out models that no upstream serves
  std::span<const std::string> down = {};  ///< why each is not to be used now, "" where it may be;
                                           ///< in the pool's order; empty: all may be
};

/// The models that may serve a query.
struct Candidates {
  std::vector<std::size_t> models;      ///< indices into the pool, in its order; at least one
  std::vector<FilteredModel> filtered;  ///< the others, each with its reason in plain words
};

/// Output tokens that must fit into the context window beside the query where the client names no
/// bound of its own.
inline constexpr std::uint32_t kReservedOutputTokens = 1024;

/// Why the model's upstream cannot be asked this at all, whatever the model can; empty: it can.
std::string untranslatable(const ModelSpec& model, const Query& query);

/// Applies the hard filters: the lists of the key and of the request, tags, what the query needs
/// (images, tools, JSON mode, what the upstream's API has, room in the context window), and health,
/// in this order; the first that fails is a model's reason. Thread-safe. Allocates for the two
/// vectors and for reasons only.
///
/// When nothing is left the error's message gives every model's reason, and its code says what
/// the caller can do: `unavailable` where a model could serve but is down (try again later),
/// `context_length_exceeded` where one could serve a shorter query, else `no_candidate`.
Result<Candidates> filter_candidates(const Query& query, const ModelPool& pool,
                                     const FilterBounds& bounds);

}  // namespace yardmaster::env
