#include "agent/encoder_state.h"

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "agent/atomic_file.h"
#include "base/json_text.h"

namespace yardmaster::agent {
namespace {

namespace json = boost::json;

constexpr int kFormat = 1;

json::object to_object(const EncoderInUse& encoder) {
  return {{"encoder", encoder.name},
          {"version", encoder.version},
          {"encode_rows_to", encoder.encode_rows_to}};
}

EncoderInUse to_encoder(const json::value& value) {
  const json::object& object = value.as_object();
  return {std::string(object.at("encoder").as_string()),
          object.at("version").to_number<std::uint32_t>(),
          object.at("encode_rows_to").to_number<std::uint64_t>()};
}

EncoderState to_state(const json::object& object) {
  EncoderState state;
  state.serving = to_encoder(object.at("serving"));
  if (const json::value* successor = object.if_contains("successor")) {
    state.successor = to_encoder(*successor);
    for (const json::value& difference : object.at("trial").as_array()) {
      state.trial.push_back(difference.to_number<double>());
    }
  }
  return state;
}

std::string text_of(const EncoderInUse& encoder) {
  return encoder.name + " (version " + std::to_string(encoder.version) + ")";
}

}  // namespace

std::filesystem::path encoder_state_file(const std::filesystem::path& snapshots,
                                         const std::string& router) {
  return snapshots / (router + ".encoder.json");
}

Result<std::optional<EncoderState>> read_encoder_state(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::optional<EncoderState>();
  std::ostringstream text;
  text << in.rdbuf();
  try {
    const json::value value = json::parse(text.str());
    const json::object& object = value.as_object();
    if (object.at("format").to_number<int>() == kFormat) {
      return std::optional<EncoderState>(to_state(object));
    }
    return fail(ErrorCode::unsupported, file.string() + " was written by a newer version");
  } catch (const std::exception& error) {
    return fail(ErrorCode::corrupt, file.string() + " cannot be read: " + error.what());
  }
}

Status write_encoder_state(const std::filesystem::path& file, const EncoderState& state) {
  json::object object{{"format", kFormat}, {"serving", to_object(state.serving)}};
  if (state.successor) {
    object["successor"] = to_object(*state.successor);
    object["trial"] = json::array(state.trial.begin(), state.trial.end());
  }
  return write_file(file, to_json(object) + "\n");
}

EncoderPlan plan_encoders(const std::string& router, const std::optional<EncoderState>& stored,
                          const EncoderInUse& configured, std::uint64_t rows,
                          const std::string& unusable) {
  EncoderPlan plan;
  const bool same = stored && stored->serving.name == configured.name &&
                    stored->serving.version == configured.version;
  if (same) {
    plan.state.serving = stored->serving;
    if (stored->successor) {
      plan.notice = "router " + router + ": the config has its encoder " + configured.name +
                    " back; " + stored->successor->name + " does not succeed it any more";
    }
    return plan;
  }
  EncoderInUse next = configured;
  next.encode_rows_to = rows;
  if (!stored || rows == 0) {
    plan.state.serving = next;
    return plan;
  }
  if (!unusable.empty()) {
    plan.state.serving = next;
    plan.lost = true;
    plan.notice = "router " + router + ": the encoder " + text_of(stored->serving) +
                  " that it decided with cannot be used any more: " + unusable +
                  "; the config's encoder " + text_of(next) +
                  " serves at once, with what the stored rows have for it";
    return plan;
  }
  plan.state = *stored;
  const bool resumed = stored->successor && stored->successor->name == next.name &&
                       stored->successor->version == next.version;
  if (!resumed) {
    plan.state.successor = next;
    plan.state.trial.clear();
  }
  plan.notice = "router " + router + ": the encoder " + text_of(stored->serving) +
                " keeps serving; " + text_of(next) +
                (resumed ? " goes on learning" : " now learns beside it") +
                " and takes over when its policy is no worse";
  return plan;
}

}  // namespace yardmaster::agent
