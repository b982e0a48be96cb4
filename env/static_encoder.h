#pragma once

#include "env/encoder.h"
#include "env/static_table.h"

namespace yardmaster::env {

/// The mean of a query's distilled token vectors (what it is about), then its surface features.
/// Microseconds for a kilobyte of text.
class StaticEncoder final : public Encoder {
 public:
  explicit StaticEncoder(StaticTable table) : table_(std::move(table)) {}

  std::string_view name() const override { return "static"; }
  std::uint32_t version() const override;
  std::size_t dimension() const override;
  void encode(const Query& query, std::span<float> out) const override;

 private:
  StaticTable table_;
};

}  // namespace yardmaster::env
