#include "agent/keys/wrong_keys.h"

#include <algorithm>

#include "base/random.h"

namespace yardmaster::agent {
namespace {

/// Never 0, which stands for a free place.
std::uint64_t id_of(const boost::asio::ip::address& source) {
  namespace ip = boost::asio::ip;
  if (source.is_v4()) return (std::uint64_t{1} << 32) + source.to_v4().to_uint();
  const ip::address_v6 v6 = source.to_v6();
  if (v6.is_v4_mapped()) {
    return (std::uint64_t{1} << 32) + ip::make_address_v4(ip::v4_mapped, v6).to_uint();
  }
  std::uint64_t network = 0;
  const auto bytes = v6.to_bytes();
  for (std::size_t i = 0; i < sizeof network; ++i) network = network << 8 | bytes[i];
  return network | std::uint64_t{1} << 63;
}

}  // namespace

WrongKeys::Place* WrongKeys::places_of(std::uint64_t source) {
  const std::uint64_t set = mix64(source ^ salt_) % (kPlaces / kWays);
  return places_.data() + set * kWays;
}

WrongKeys::Place* WrongKeys::find(std::uint64_t source) {
  if (places_.empty()) return nullptr;
  Place* const first = places_of(source);
  Place* const found = std::find_if(first, first + kWays,
                                    [&](const Place& place) { return place.source == source; });
  return found == first + kWays ? nullptr : found;
}

std::chrono::microseconds WrongKeys::wait(const boost::asio::ip::address& source, Timestamp now) {
  Place* const place = find(id_of(source));
  if (place == nullptr || place->left.level(now) >= 1) return std::chrono::microseconds(0);
  return place->left.until(1);
}

void WrongKeys::add(const boost::asio::ip::address& source, Timestamp now) {
  if (per_minute_ == 0) return;
  if (places_.empty()) places_.assign(kPlaces, {0, TokenBucket(per_minute_)});
  const std::uint64_t id = id_of(source);
  Place* place = find(id);
  if (place == nullptr) {
    Place* const first = places_of(id);
    place = std::max_element(first, first + kWays, [&](Place& a, Place& b) {
      return a.left.level(now) < b.left.level(now);
    });
    *place = {id, TokenBucket(per_minute_)};
  }
  place->left.take(1, now);
}

}  // namespace yardmaster::agent
