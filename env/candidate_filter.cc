#include "env/candidate_filter.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace yardmaster::env {
namespace {

/// Why a model may not serve; `kind` decides the error's code when none may.
struct Refusal {
  enum class Kind { request, length, health };
  Kind kind;
  std::string reason;
};

bool contains(std::span<const std::string> names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::optional<Refusal> refuse_by_lists(const ModelSpec& model, const FilterBounds& bounds) {
  if ((!bounds.key_allow.empty() && !contains(bounds.key_allow, model.name)) ||
      contains(bounds.key_deny, model.name)) {
    return Refusal{Refusal::Kind::request, "not a model that the API key may use"};
  }
  if (!bounds.allow.empty() && !contains(bounds.allow, model.name)) {
    return Refusal{Refusal::Kind::request, "not among the models that the request allows"};
  }
  if (contains(bounds.deny, model.name)) {
    return Refusal{Refusal::Kind::request, "denied by the request"};
  }
  for (const TagRule& rule : bounds.tags) {
    if (std::string reason = against_tags(model, rule); !reason.empty()) {
      return Refusal{Refusal::Kind::request, std::move(reason)};
    }
  }
  if (bounds.needs_upstream && model.upstream.empty()) {
    return Refusal{Refusal::Kind::request, "no upstream serves it; only /v1/route can choose it"};
  }
  return std::nullopt;
}

std::optional<Refusal> refuse_by_needs(const ModelSpec& model, const Query& query) {
  if (!model.chat) return Refusal{Refusal::Kind::request, "no chat"};
  if (!model.text) return Refusal{Refusal::Kind::request, "no text input"};
  if (query.has_images && !model.images) return Refusal{Refusal::Kind::request, "no image input"};
  if (query.has_tools && !model.tools) return Refusal{Refusal::Kind::request, "no tool calls"};
  if (query.wants_json && !model.json_mode) return Refusal{Refusal::Kind::request, "no JSON mode"};
  if (std::string reason = untranslatable(model, query); !reason.empty()) {
    return Refusal{Refusal::Kind::request, std::move(reason)};
  }
  if (query.max_output_tokens && model.max_output_tokens &&
      *query.max_output_tokens > *model.max_output_tokens) {
    return Refusal{Refusal::Kind::request,
                   "at most " + std::to_string(*model.max_output_tokens) + " output tokens, " +
                       std::to_string(*query.max_output_tokens) + " asked for"};
  }
  return std::nullopt;
}

std::optional<Refusal> refuse_by_length(const ModelSpec& model, const Query& query,
                                        double input_tokens) {
  if (!model.context_tokens) return std::nullopt;
  const std::uint32_t reserved =
      std::min(kReservedOutputTokens, model.max_output_tokens.value_or(kReservedOutputTokens));
  const std::uint32_t output_tokens = query.max_output_tokens.value_or(reserved);
  if (input_tokens + output_tokens <= *model.context_tokens) return std::nullopt;
  return Refusal{Refusal::Kind::length, "context window " + std::to_string(*model.context_tokens) +
                                            " < " +
                                            std::to_string(std::llround(std::ceil(input_tokens))) +
                                            " + " + std::to_string(output_tokens) + " tokens"};
}

std::optional<Refusal> refuse(const ModelSpec& model, const std::string& down, const Query& query,
                              const FilterBounds& bounds) {
  if (auto refusal = refuse_by_lists(model, bounds)) return refusal;
  if (auto refusal = refuse_by_needs(model, query)) return refusal;
  if (auto refusal = refuse_by_length(model, query, bounds.input_tokens)) return refusal;
  if (!down.empty()) return Refusal{Refusal::Kind::health, down};
  return std::nullopt;
}

Error nothing_left(const Candidates& candidates, const ModelPool& pool, const FilterBounds& bounds,
                   bool some_down, bool some_too_short) {
  std::string reasons;
  for (const FilteredModel& filtered : candidates.filtered) {
    if (!reasons.empty()) reasons += "; ";
    reasons += filtered.model + ": " + filtered.reason;
  }
  for (const std::string& name : bounds.allow) {
    if (!pool.find(name)) reasons += "; " + name + ": allowed by the request, but not in the pool";
  }
  if (some_down) {
    return {ErrorCode::unavailable,
            "no model that could serve this is healthy and below its limits; try again later (" +
                reasons + ")"};
  }
  if (some_too_short) {
    return {ErrorCode::context_length_exceeded,
            "the query is too long for every model that may serve it; shorten it or lower "
            "max_tokens (" +
                reasons + ")"};
  }
  return {ErrorCode::no_candidate,
          "no model may serve this; change what the request asks for or allows (" + reasons + ")"};
}

}  // namespace

std::string against_tags(const ModelSpec& model, const TagRule& rule) {
  for (const std::string& tag : rule.require) {
    if (!contains(model.tags, tag)) {
      return "no tag '" + tag + "', which " + std::string(rule.by) + " requires";
    }
  }
  for (const std::string& tag : rule.exclude) {
    if (contains(model.tags, tag)) {
      return "tag '" + tag + "', which " + std::string(rule.by) + " excludes";
    }
  }
  return {};
}

std::string untranslatable(const ModelSpec& model, const Query& query) {
  if (model.at_anthropic) {
    return query.beyond_anthropic.empty() ? "" : "Anthropic's API has no " + query.beyond_anthropic;
  }
  return query.beyond_openai.empty() ? "" : "OpenAI's API has no " + query.beyond_openai;
}

Result<Candidates> filter_candidates(const Query& query, const ModelPool& pool,
                                     const FilterBounds& bounds) {
  const std::vector<ModelSpec>& models = pool.models();
  Candidates candidates;
  candidates.models.reserve(models.size());
  static const std::string kHealthy;
  bool some_down = false;
  bool some_too_short = false;
  for (std::size_t i = 0; i < models.size(); ++i) {
    const std::string& down = i < bounds.down.size() ? bounds.down[i] : kHealthy;
    auto refusal = refuse(models[i], down, query, bounds);
    if (!refusal) {
      candidates.models.push_back(i);
      continue;
    }
    some_down |= refusal->kind == Refusal::Kind::health;
    some_too_short |= refusal->kind == Refusal::Kind::length;
    candidates.filtered.push_back({models[i].name, std::move(refusal->reason)});
  }
  if (candidates.models.empty()) {
    return fail(nothing_left(candidates, pool, bounds, some_down, some_too_short));
  }
  return candidates;
}

}  // namespace yardmaster::env
