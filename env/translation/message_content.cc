#include "env/translation/message_content.h"

#include <algorithm>
#include <array>

#include "env/query_text.h"
#include "env/translation/json_access.h"

namespace yardmaster::env {

namespace json = boost::json;

namespace {

constexpr std::string_view kPdf = "application/pdf";

constexpr std::array<std::string_view, 8> kKnownBlocks{
    "text",     "image",       "document",          "tool_use",
    "thinking", "tool_result", "redacted_thinking", "search_result"};

json::object text_part(std::string_view text) { return {{"type", "text"}, {"text", text}}; }

std::string data_url(const json::object& source) {
  return "data:" + std::string(text_in(source, "media_type")) + ";base64," +
         std::string(text_in(source, "data"));
}

void append_image(const json::object& source, json::array& parts) {
  const std::string_view type = text_in(source, "type");
  if (type != "base64" && type != "url") return;
  const std::string url = type == "base64" ? data_url(source) : std::string(text_in(source, "url"));
  parts.push_back(json::object{{"type", "image_url"}, {"image_url", {{"url", url}}}});
}

void append_document(const json::object& block, json::array& parts) {
  const json::object* source = object_in(block, "source");
  if (source == nullptr) return;
  const std::string_view type = text_in(*source, "type");
  if (type == "text") {
    parts.push_back(text_part(text_in(*source, "data")));
  } else if (type == "content") {
    parts.push_back(text_part(joined_text(member(*source, "content"), "\n\n")));
  } else if (type == "base64") {
    const std::string_view title = text_in(block, "title");
    parts.push_back(
        json::object{{"type", "file"},
                     {"file",
                      {{"filename", title.empty() ? std::string_view("document.pdf") : title},
                       {"file_data", data_url(*source)}}}});
  }
}

bool wants_citations(const json::object& block) {
  const json::object* citations = object_in(block, "citations");
  return citations != nullptr && is_true(*citations, "enabled");
}

std::string source_beyond_openai(const json::object& block, std::string_view what) {
  const json::object* source = object_in(block, "source");
  const std::string_view type = source != nullptr ? text_in(*source, "type") : "";
  if (type == "base64") {
    const bool fine = what == "images" || text_in(*source, "media_type") == kPdf;
    return fine ? ""
                : "documents of type " + std::string(kind_named(text_in(*source, "media_type")));
  }
  const bool fine = what == "images" ? type == "url" : type == "text" || type == "content";
  return fine ? "" : std::string(what) + " by " + std::string(kind_named(type));
}

}  // namespace

std::string block_beyond_openai(const json::object& block) {
  const std::string_view type = text_in(block, "type");
  if (std::find(kKnownBlocks.begin(), kKnownBlocks.end(), type) == kKnownBlocks.end()) {
    return "content of type " + std::string(kind_named(type));
  }
  if (wants_citations(block)) return "citations";
  if (type == "image") return source_beyond_openai(block, "images");
  if (type == "document") return source_beyond_openai(block, "documents");
  if (type != "tool_result") return {};
  for (const json::value& each : list_in(block, "content")) {
    if (!each.is_object()) continue;
    if (std::string beyond = block_beyond_openai(each.get_object()); !beyond.empty()) {
      return beyond;
    }
  }
  return {};
}

void append_parts(const json::object& block, json::array& parts) {
  const std::string_view type = text_in(block, "type");
  if (type == "text" && !text_in(block, "text").empty()) {
    parts.push_back(text_part(text_in(block, "text")));
  } else if (type == "image") {
    if (const json::object* source = object_in(block, "source")) append_image(*source, parts);
  } else if (type == "document") {
    append_document(block, parts);
  } else if (type == "search_result") {
    const std::string text =
        std::string(text_in(block, "title")) + "\n" + joined_text(member(block, "content"), "\n\n");
    parts.push_back(text_part(text));
  }
}

std::string joined_text(const json::value* content, std::string_view separator) {
  if (content == nullptr) return {};
  if (content->is_string()) return std::string(content->get_string());
  std::string joined;
  if (!content->is_array()) return joined;
  for (const json::value& each : content->get_array()) {
    if (!each.is_object() || text_in(each.get_object(), "type") != "text") continue;
    if (!joined.empty()) joined += separator;
    joined += text_in(each.get_object(), "text");
  }
  return joined;
}

}  // namespace yardmaster::env
