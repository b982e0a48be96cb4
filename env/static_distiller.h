#pragma once

#include <functional>
#include <span>
#include <string>

#include "base/result.h"
#include "env/minilm_folder.h"
#include "env/minilm_network.h"

namespace yardmaster::env {

/// The bytes of a token table of the encoder static (docs/encoders.md has the layout), distilled
/// from a network: each token of its vocabulary passes through alone, and the vectors are reduced,
/// partly whitened, weighted down for frequent tokens (Arora, Liang and Ma, "A simple but
/// tough-to-beat baseline for sentence embeddings", ICLR 2017) and rounded to 8 bits.
/// With `queries`, shares of tokens, principal components and scale are those of the queries;
/// without, those of general text, by Zipf's law over a vocabulary that is sorted by frequency. The
/// same arguments give the same bytes on one machine. `progress` gets the part done, in [0, 1].
/// Takes a minute or so on one core. Fails with unsupported where the vocabulary holds no word.
Result<std::string> distill_static_table(const MiniLmFolder& folder, const MiniLmNetwork& network,
                                         std::span<const std::string> queries,
                                         const std::function<void(double)>& progress);

}  // namespace yardmaster::env
