// What one query costs before the policy sees it: parsing the body, tokenising, encoding.
// The text is made of common words, a kilobyte of it. minilm where scripts/fetch-minilm has put it.

#include <benchmark/benchmark.h>

#include <filesystem>
#include <stdexcept>
#include <string>

#include "base/random.h"
#include "env/encoder.h"
#include "env/static_table.h"
#include "env/surface_features.h"

namespace yardmaster::env {
namespace {

constexpr std::size_t kTextBytes = 1024;

std::string kilobyte_of_text() {
  constexpr std::string_view kWords[] = {
      "the",      "of",       "which",     "following", "function", "energy",   "market",
      "contract", "cell",     "compute",   "integral",  "voltage",  "patients", "statement",
      "history",  "velocity", "therefore", "economics", "protein",  "algebra"};
  constexpr std::string_view kBreaks[] = {" ", " ", " ", " ", ", ", ". ", " (x = 3.5) ", "?\n"};
  Rng rng(1);
  std::string text;
  while (text.size() < kTextBytes) {
    text += kWords[rng.below(std::size(kWords))];
    text += kBreaks[rng.below(std::size(kBreaks))];
  }
  text.resize(kTextBytes);
  return text;
}

std::string body_of(const std::string& text) {
  std::string escaped;
  for (const char character : text)
    escaped += character == '\n' ? "\\n" : std::string(1, character);
  return R"({"model":"auto","temperature":0.2,"messages":[{"role":"system","content":"Be brief."},)"
         R"({"role":"user","content":")" +
         escaped + R"("}]})";
}

void use_encoder(benchmark::State& state, const char* name) {
  const auto encoder = make_encoder(name, {.asset_directory = YARDMASTER_ASSET_DIR});
  if (!encoder) throw std::runtime_error(encoder.error().message);
  const Query query = query_from_text(kilobyte_of_text());
  std::vector<float> values((*encoder)->dimension());
  for (auto _ : state) {
    (*encoder)->encode(query, values);
    benchmark::DoNotOptimize(values.data());
  }
}

void tokenize(benchmark::State& state) {
  const auto table = StaticTable::read(std::string(YARDMASTER_ASSET_DIR) + "/static_v1.bin");
  if (!table) throw std::runtime_error(table.error().message);
  const std::string text = kilobyte_of_text();
  std::vector<WordPiece::TokenId> ids;
  for (auto _ : state) {
    ids.clear();
    table->tokenizer().tokenize(text, ids);
    benchmark::DoNotOptimize(ids.data());
  }
  state.counters["tokens"] = static_cast<double>(ids.size());
}
BENCHMARK(tokenize);

void encode_static(benchmark::State& state) { use_encoder(state, "static"); }
BENCHMARK(encode_static);

void encode_hash(benchmark::State& state) { use_encoder(state, "hash"); }
BENCHMARK(encode_hash);

void encode_minilm(benchmark::State& state) {
  if (!std::filesystem::exists(YARDMASTER_MINILM)) {
    return state.SkipWithError("scripts/fetch-minilm has not fetched it");
  }
  use_encoder(state, "minilm:" YARDMASTER_MINILM);
}
BENCHMARK(encode_minilm);

void see_surface(benchmark::State& state) {
  const Query query = query_from_text(kilobyte_of_text());
  std::array<float, kSurfaceDimension> values{};
  for (auto _ : state) {
    surface_features(query, values);
    benchmark::DoNotOptimize(values.data());
  }
}
BENCHMARK(see_surface);

void parse_body(benchmark::State& state) {
  const std::string body = body_of(kilobyte_of_text());
  for (auto _ : state) benchmark::DoNotOptimize(parse_query(body));
}
BENCHMARK(parse_body);

}  // namespace
}  // namespace yardmaster::env

BENCHMARK_MAIN();
