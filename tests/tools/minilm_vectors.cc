// Writes the sentence vectors of the lines of standard input, each a JSON string, as 32-bit floats
// to standard output, for scripts/check-minilm. Call: minilm_vectors FOLDER

#include <boost/json.hpp>
#include <iostream>
#include <string>

#include "env/minilm_folder.h"
#include "env/minilm_network.h"

namespace {

constexpr std::size_t kBatch = 16;

}  // namespace

int main(int argc, char** argv) {
  using yardmaster::env::MiniLmFolder;
  using yardmaster::env::MiniLmNetwork;
  if (argc != 2) {
    std::cerr << "call: minilm_vectors FOLDER < strings.jsonl\n";
    return 2;
  }
  const auto folder = MiniLmFolder::read(argv[1]);
  if (!folder) {
    std::cerr << folder.error().message << '\n';
    return 1;
  }
  const auto network = MiniLmNetwork::make(folder->config, folder->weights);
  if (!network) {
    std::cerr << network.error().message << '\n';
    return 1;
  }
  std::vector<std::vector<yardmaster::env::WordPiece::TokenId>> batch;
  const auto write_batch = [&] {
    std::vector<float> vectors(batch.size() * network->dimension());
    network->embed(batch, vectors);
    std::cout.write(reinterpret_cast<const char*>(vectors.data()),
                    static_cast<std::streamsize>(vectors.size() * sizeof(float)));
    batch.clear();
  };
  for (std::string line; std::getline(std::cin, line);) {
    const boost::json::value text = boost::json::parse(line);
    batch.push_back(folder->tokenizer.tokenize(std::string_view(text.as_string())));
    if (batch.size() == kBatch) write_batch();
  }
  write_batch();
}
