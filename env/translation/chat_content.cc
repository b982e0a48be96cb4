#include "env/translation/chat_content.h"

#include "env/translation/json_access.h"
#include "env/usage.h"

namespace yardmaster::env {

namespace json = boost::json;

namespace {

constexpr std::string_view kPdf = "application/pdf";

bool is_web_url(std::string_view url) {
  return url.starts_with("https://") || url.starts_with("http://");
}

/// An object with the URL, or as some clients write it, the URL itself.
std::string_view image_url(const json::object& part) {
  const json::object* object = object_in(part, "image_url");
  return object != nullptr ? text_in(*object, "url") : text_in(part, "image_url");
}

std::optional<DataUrl> file_data(const json::object& part) {
  const json::object* file = object_in(part, "file");
  if (file == nullptr) return std::nullopt;
  return parse_data_url(text_in(*file, "file_data"));
}

json::object base64_source(const DataUrl& data) {
  const std::string_view type = data.media_type == "image/jpg" ? "image/jpeg" : data.media_type;
  return {{"type", "base64"}, {"media_type", type}, {"data", data.base64}};
}

json::object image_block(std::string_view url) {
  const auto data = parse_data_url(url);
  return {{"type", "image"},
          {"source", data ? base64_source(*data) : json::object{{"type", "url"}, {"url", url}}}};
}

/// Nothing: there is nothing to send of it.
std::optional<json::object> block_of(const json::object& part) {
  const std::string_view type = text_in(part, "type");
  if (type == "image_url") return image_block(image_url(part));
  if (type == "file") {
    return json::object{{"type", "document"}, {"source", base64_source(*file_data(part))}};
  }
  const std::string_view text = text_in(part, type == "refusal" ? "refusal" : "text");
  if (is_blank(text)) return std::nullopt;
  return text_block(text);
}

}  // namespace

std::string_view part_beyond_anthropic(const json::object& part) {
  const std::string_view type = text_in(part, "type");
  if (type == "input_audio") return "audio";
  if (type == "image_url") {
    const std::string_view url = image_url(part);
    if (!is_web_url(url) && !parse_data_url(url)) return "images by other than http and data URLs";
  }
  if (type == "file") {
    const auto data = file_data(part);
    if (!data || data->media_type != kPdf) return "files other than PDFs in file_data";
  }
  return {};
}

Result<json::array> content_blocks(const json::value* content) {
  json::array blocks;
  if (content == nullptr) return blocks;
  if (content->is_string()) {
    const std::string_view text = content->get_string();
    if (!is_blank(text)) blocks.push_back(text_block(text));
    return blocks;
  }
  if (!content->is_array()) return blocks;
  for (const json::value& each : content->get_array()) {
    if (!each.is_object()) continue;
    const json::object& part = each.get_object();
    if (const std::string_view beyond = part_beyond_anthropic(part); !beyond.empty()) {
      return fail(ErrorCode::invalid_argument, "Anthropic's API has no " + std::string(beyond) +
                                                   "; leave them out, or choose another model");
    }
    auto block = block_of(part);
    if (!block) continue;
    copy_cache_control(part, *block);
    blocks.push_back(std::move(*block));
  }
  return blocks;
}

json::object text_block(std::string_view text) { return {{"type", "text"}, {"text", text}}; }

std::string tool_id(std::string_view id) {
  std::string out(id);
  for (char& c : out) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-';
    if (!fine) c = '_';
  }
  return out.empty() ? "_" : out;
}

json::object tool_input(std::string_view arguments) {
  if (is_blank(arguments)) return {};
  if (auto object = parse_answer(arguments)) return std::move(*object);
  return {{"arguments", arguments}};
}

void copy_cache_control(const json::object& from, json::object& to) {
  if (const json::object* mark = object_in(from, "cache_control")) to["cache_control"] = *mark;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

std::optional<DataUrl> parse_data_url(std::string_view url) {
  constexpr std::string_view kScheme = "data:";
  constexpr std::string_view kEncoding = ";base64,";
  const std::size_t encoding = url.find(kEncoding);
  if (!url.starts_with(kScheme) || encoding == std::string_view::npos) return std::nullopt;
  const std::string_view parameters = url.substr(kScheme.size(), encoding - kScheme.size());
  return DataUrl{parameters.substr(0, parameters.find(';')),
                 url.substr(encoding + kEncoding.size())};
}

}  // namespace yardmaster::env
