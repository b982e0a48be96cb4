// Prints the token ids of each line of standard input, a JSON string, for scripts/check-tokenizer.
// Call: wordpiece_ids TABLE

#include <boost/json.hpp>
#include <iostream>
#include <string>

#include "env/static_table.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "call: wordpiece_ids TABLE < strings.jsonl\n";
    return 2;
  }
  const auto table = yardmaster::env::StaticTable::read(argv[1]);
  if (!table) {
    std::cerr << table.error().message << '\n';
    return 1;
  }
  std::vector<yardmaster::env::WordPiece::TokenId> ids;
  for (std::string line; std::getline(std::cin, line);) {
    const boost::json::value text = boost::json::parse(line);
    ids.clear();
    table->tokenizer().tokenize(std::string_view(text.as_string()), ids);
    for (std::size_t i = 0; i < ids.size(); ++i) std::cout << (i == 0 ? "" : " ") << ids[i];
    std::cout << '\n';
  }
}
