#include "env/minilm_projection.h"

#include <algorithm>
#include <boost/crc.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "env/principal_components.h"

namespace yardmaster::env {
namespace {

/// Changes with the layout of the file and with the way to fit. docs/encoders.md has the layout.
constexpr std::string_view kMagic = "YMPROJ01";
constexpr double kWhitening = 0.25;  ///< components are divided by their variance to this power
constexpr double kSquaredNorm = 0.5;

std::vector<double> mean_of(std::span<const float> rows, std::size_t dimension) {
  std::vector<double> mean(dimension);
  for (std::size_t i = 0; i < rows.size(); ++i) mean[i % dimension] += rows[i];
  for (double& value : mean) value /= static_cast<double>(rows.size() / dimension);
  return mean;
}

std::uint32_t crc32(std::string_view bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

void append(std::string& bytes, std::span<const float> values) {
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

void append(std::string& bytes, std::uint32_t value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

MiniLmProjection MiniLmProjection::fit(std::span<const float> words, std::span<const float> texts,
                                       std::size_t dimension) {
  const PrincipalComponents parts =
      principal_components(covariance(words, mean_of(words, dimension)), dimension, kDimension);
  const std::vector<double> centre = mean_of(texts, dimension);
  MiniLmProjection out;
  out.centre_.assign(centre.begin(), centre.end());
  for (std::size_t i = 0; i < parts.axes.size(); ++i) {
    out.scaled_axes_.push_back(
        static_cast<float>(std::pow(parts.variances[i / dimension], -kWhitening) * parts.axes[i]));
  }
  const double squared_norm = out.mean_squared_norm(texts);
  const double scale = squared_norm > 0 ? std::sqrt(kSquaredNorm / squared_norm) : 0;
  for (float& value : out.scaled_axes_) value = static_cast<float>(scale * value);
  return out;
}

double MiniLmProjection::mean_squared_norm(std::span<const float> texts) const {
  const std::size_t size = centre_.size();
  std::vector<float> values(dimension());
  double sum = 0;
  for (std::size_t i = 0; i < texts.size(); i += size) {
    apply(texts.subspan(i, size), values);
    for (const float value : values) sum += double{value} * double{value};
  }
  return sum / static_cast<double>(texts.size() / size);
}

Result<MiniLmProjection> MiniLmProjection::read(const std::string& path,
                                                std::string_view fingerprint,
                                                std::size_t dimension) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorCode::io, "cannot open the projection " + path);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const std::string start = std::string(kMagic) + std::string(fingerprint);
  const std::size_t row = dimension * sizeof(float);
  std::uint32_t checksum = 0;
  const bool whole = bytes.size() >= start.size() + row + sizeof checksum &&
                     (bytes.size() - start.size() - sizeof checksum) % row == 0 &&
                     bytes.starts_with(start);
  if (whole) std::memcpy(&checksum, bytes.data() + bytes.size() - sizeof checksum, sizeof checksum);
  if (!whole ||
      crc32(std::string_view(bytes).substr(0, bytes.size() - sizeof checksum)) != checksum) {
    return fail(ErrorCode::corrupt,
                "the projection " + path + " is damaged, or of another network");
  }
  MiniLmProjection out;
  out.centre_.resize(dimension);
  out.scaled_axes_.resize((bytes.size() - start.size() - sizeof checksum - row) / sizeof(float));
  const char* const values = bytes.data() + start.size();
  std::memcpy(out.centre_.data(), values, row);
  std::memcpy(out.scaled_axes_.data(), values + row, out.scaled_axes_.size() * sizeof(float));
  return out;
}

Status MiniLmProjection::write(const std::string& path, std::string_view fingerprint) const {
  std::string bytes = std::string(kMagic) + std::string(fingerprint);
  append(bytes, centre_);
  append(bytes, scaled_axes_);
  append(bytes, crc32(bytes));
  // Several processes may write it at once; each has a file of its own until the last step.
  const std::string beside = path + "." + std::to_string(std::hash<const void*>{}(this)) + ".tmp";
  std::ofstream file(beside, std::ios::binary);
  file << bytes;
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(beside, path, error);
  if (!file || error) {
    std::filesystem::remove(beside, error);
    return fail(ErrorCode::io, "cannot write the projection " + path);
  }
  return {};
}

std::uint32_t MiniLmProjection::checksum() const {
  std::string bytes;
  append(bytes, centre_);
  append(bytes, scaled_axes_);
  return crc32(bytes);
}

void MiniLmProjection::apply(std::span<const float> vector, std::span<float> out) const {
  const std::size_t size = centre_.size();
  for (std::size_t i = 0; i < out.size(); ++i) {
    float sum = 0;
    for (std::size_t j = 0; j < size; ++j) {
      sum += scaled_axes_[i * size + j] * (vector[j] - centre_[j]);
    }
    out[i] = sum;
  }
}

}  // namespace yardmaster::env
