#pragma once

#include <string_view>

namespace yardmaster::env {

/// What a model can be asked by: the requests of OpenAI's API, and `messages` of Anthropic's.
enum class ApiRoute { chat_completions, messages, embeddings, responses, completions };

/// Where it is, below an API's base: "/chat/completions".
constexpr std::string_view path_of(ApiRoute route) {
  switch (route) {
    case ApiRoute::chat_completions:
      return "/chat/completions";
    case ApiRoute::messages:
      return "/messages";
    case ApiRoute::embeddings:
      return "/embeddings";
    case ApiRoute::responses:
      return "/responses";
    case ApiRoute::completions:
      return "/completions";
  }
  return "";
}

}  // namespace yardmaster::env
