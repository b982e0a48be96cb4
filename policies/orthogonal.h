#pragma once

#include <cstddef>
#include <vector>

#include "base/random.h"

namespace yardmaster::policies {

/// A random rows x columns matrix, row-major, whose rows (or columns, if they are fewer) are
/// orthogonal and of norm `gain` (Saxe, McClelland and Ganguli 2014). The same on every machine.
std::vector<double> orthogonal(std::size_t rows, std::size_t columns, double gain, Rng& rng);

}  // namespace yardmaster::policies
