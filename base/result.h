#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace yardmaster {

/// What kind of thing went wrong; the HTTP layer maps each to one status code.
enum class ErrorCode {
  invalid_argument,         ///< the caller's input is malformed or of the wrong type
  out_of_range,             ///< well formed, but outside the declared range
  not_found,                ///< the named thing does not exist
  conflict,                 ///< contradicts what is already stored
  unavailable,              ///< may work later: overloaded, draining, disk full
  corrupt,                  ///< stored bytes do not check out
  timed_out,                ///< a deadline passed
  io,                       ///< the operating system or the network refused
  unsupported,              ///< valid, but not by this version or configuration
  no_candidate,             ///< what the request asks leaves no model that may serve it
  context_length_exceeded,  ///< no_candidate, and only because the query is too long
};

/// An error names the thing, what was wrong with it, and what to do.
struct Error {
  ErrorCode code;
  std::string message;
};

/// A value or an Error. Like tl::expected, but ignoring one is a compiler warning.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

/// Success without a value, or an Error.
using Status = Result<void>;

/// Makes the failed side of any Result: `return fail(ErrorCode::not_found, "...")`.
inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

/// Hands the error of one Result on as another's: `return fail(other.error())`.
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace yardmaster
