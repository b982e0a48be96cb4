// Boost.JSON compiled with the fuzzers' flags, so that they see which of its branches an input
// takes.

#include <boost/json/src.hpp>
