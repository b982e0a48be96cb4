#pragma once

#include <CLI/CLI.hpp>

namespace yardmaster::agent {

/// Adds the subcommand `distill-encoder`: a token table for the encoder static from a network's
/// folder. Sets `exit_code` when it ran: 1 when the folder, the queries or the output cannot be
/// used.
void add_distill_encoder(CLI::App& app, int& exit_code);

}  // namespace yardmaster::agent
