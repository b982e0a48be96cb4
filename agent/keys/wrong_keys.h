#pragma once

#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstdint>
#include <vector>

#include "agent/keys/token_bucket.h"
#include "base/time.h"

namespace yardmaster::agent {

/// How many wrong keys each source has sent lately, so that a flood of guesses is put off. A source
/// is an IPv4 address, or the first half of an IPv6 one. The table has a fixed size: where there
/// are more sources than it holds, those that sent least lately are forgotten. One thread.
class WrongKeys {
 public:
  /// `per_minute` of one source, refilled evenly, a minute's at once at most; 0: no limit. `salt`
  /// keeps others from knowing which sources share a place.
  WrongKeys(std::uint32_t per_minute, std::uint64_t salt) : per_minute_(per_minute), salt_(salt) {}

  /// Time until the source's keys are looked at again; 0: now.
  std::chrono::microseconds wait(const boost::asio::ip::address& source, Timestamp now);

  /// The source has sent a wrong key.
  void add(const boost::asio::ip::address& source, Timestamp now);

  static constexpr std::size_t kPlaces = 4096;

 private:
  static constexpr std::size_t kWays = 4;  ///< places that a source may be at

  struct Place {
    std::uint64_t source;
    TokenBucket left;
  };

  Place* places_of(std::uint64_t source);
  Place* find(std::uint64_t source);

  std::uint32_t per_minute_;
  std::uint64_t salt_;
  std::vector<Place> places_;  ///< empty until the first wrong key
};

}  // namespace yardmaster::agent
