// The static encoder's table. The checksum is put right first, or nothing would come past it.

#include <array>
#include <boost/crc.hpp>
#include <cmath>
#include <cstring>

#include "env/static_table.h"
#include "tests/fuzz/fuzz.h"

using namespace yardmaster;
using fuzz::require;

FUZZ(static_table) {
  std::string bytes(input);
  if (bytes.size() >= sizeof(std::uint32_t)) {
    boost::crc_32_type crc;
    crc.process_bytes(bytes.data(), bytes.size() - sizeof(std::uint32_t));
    const std::uint32_t checksum = crc.checksum();
    std::memcpy(bytes.data() + bytes.size() - sizeof checksum, &checksum, sizeof checksum);
  }
  const auto table = env::StaticTable::parse(bytes, "fuzz");
  if (!table) return;
  std::vector<env::WordPiece::TokenId> ids;
  table->tokenizer().tokenize("a b ab [UNK] é 漢", ids);
  std::array<float, env::StaticTable::kDimension> mean{};
  table->mean(ids, mean);
  for (const float value : mean) require(std::isfinite(value), "vectors are finite");
}
