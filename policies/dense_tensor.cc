#include "policies/dense_tensor.h"

#include <torch/cuda.h>
#include <torch/serialize/archive.h>
#include <torch/types.h>

#include <cmath>
#include <istream>
#include <map>
#include <ostream>
#include <sstream>

namespace yardmaster::policies {

struct DenseTensor::Holder {
  torch::Tensor tensor;
};

DenseTensor::DenseTensor() = default;
DenseTensor::~DenseTensor() = default;
DenseTensor::DenseTensor(DenseTensor&& other) noexcept
    : holder_(std::move(other.holder_)), values_(std::exchange(other.values_, {})) {}

DenseTensor& DenseTensor::operator=(DenseTensor&& other) noexcept {
  holder_ = std::move(other.holder_);
  values_ = std::exchange(other.values_, {});
  return *this;
}

DenseTensor::DenseTensor(const DenseTensor& other) {
  if (other.holder_) take(std::make_unique<Holder>(Holder{other.holder_->tensor.clone()}));
}

DenseTensor& DenseTensor::operator=(const DenseTensor& other) {
  if (this != &other) *this = DenseTensor(other);
  return *this;
}

void DenseTensor::take(std::unique_ptr<Holder> holder) {
  holder_ = std::move(holder);
  const auto& tensor = holder_->tensor;
  values_ = tensor.device().is_cpu()
                ? std::span(tensor.data_ptr<double>(), static_cast<std::size_t>(tensor.numel()))
                : std::span<double>();
}

DenseTensor DenseTensor::zeros(std::initializer_list<std::int64_t> shape) {
  DenseTensor out;
  out.take(std::make_unique<Holder>(
      Holder{torch::zeros(torch::IntArrayRef(shape.begin(), shape.size()), torch::kFloat64)}));
  return out;
}

Status DenseTensor::to(std::string_view device) {
  if (device != "cpu" && device != "cuda") {
    return fail(ErrorCode::invalid_argument,
                "device '" + std::string(device) + "' is unknown: use cpu or cuda");
  }
  if (device == "cuda" && !torch::cuda::is_available()) {
    return fail(ErrorCode::unavailable, "device cuda: LibTorch finds no GPU here; use cpu");
  }
  if (holder_) {
    take(std::make_unique<Holder>(
        Holder{holder_->tensor.to(torch::Device(std::string(device))).contiguous()}));
  }
  return {};
}

struct TensorArchive::Contents {
  std::map<std::string, torch::Tensor> tensors;
};

TensorArchive::TensorArchive() : contents_(std::make_unique<Contents>()) {}
TensorArchive::~TensorArchive() = default;

void TensorArchive::put(const std::string& name, const DenseTensor& tensor) {
  contents_->tensors[name] =
      tensor.holder_ ? tensor.holder_->tensor : torch::zeros({0}, torch::kFloat64);
}

void TensorArchive::put(const std::string& name, std::string_view bytes) {
  auto tensor = torch::empty({static_cast<std::int64_t>(bytes.size())}, torch::kUInt8);
  std::copy(bytes.begin(), bytes.end(), tensor.data_ptr<std::uint8_t>());
  contents_->tensors[name] = tensor;
}

Status TensorArchive::write(std::ostream& out) {
  torch::serialize::OutputArchive archive;
  std::string names;
  for (const auto& [name, tensor] : contents_->tensors) {
    archive.write(name, tensor, /*is_buffer=*/true);
    names += name + '\n';
  }
  auto index = torch::empty({static_cast<std::int64_t>(names.size())}, torch::kUInt8);
  std::copy(names.begin(), names.end(), index.data_ptr<std::uint8_t>());
  archive.write("index", index, true);
  archive.save_to(out);
  if (!out) return fail(ErrorCode::io, "policy state: the stream refused the write");
  return {};
}

Status TensorArchive::read(std::istream& in) {
  try {
    torch::serialize::InputArchive archive;
    archive.load_from(in, torch::Device(torch::kCPU));
    torch::Tensor index;
    archive.read("index", index, true);
    std::istringstream names(
        std::string(reinterpret_cast<const char*>(index.data_ptr<std::uint8_t>()),
                    static_cast<std::size_t>(index.numel())));
    std::map<std::string, torch::Tensor> tensors;
    for (std::string name; std::getline(names, name);) {
      archive.read(name, tensors[name], true);
    }
    contents_->tensors = std::move(tensors);
  } catch (const std::exception& error) {  // c10::Error is one too
    return fail(ErrorCode::corrupt,
                "policy state: not a readable archive; use an older snapshot or learn anew");
  }
  return {};
}

Result<DenseTensor> TensorArchive::tensor(const std::string& name, std::size_t size) const {
  const auto found = contents_->tensors.find(name);
  const auto corrupt = [&](const std::string& what) {
    return fail(ErrorCode::corrupt, "policy state: tensor '" + name + "' " + what);
  };
  if (found == contents_->tensors.end()) return corrupt("is missing");
  const torch::Tensor& tensor = found->second;
  if (tensor.scalar_type() != torch::kFloat64 ||
      tensor.numel() != static_cast<std::int64_t>(size)) {
    return corrupt("has not the " + std::to_string(size) + " doubles expected");
  }
  DenseTensor out;
  if (size == 0) return out;
  out.take(std::make_unique<DenseTensor::Holder>(DenseTensor::Holder{tensor.clone()}));
  for (const double value : out.values()) {
    if (!std::isfinite(value)) return corrupt("holds a non-finite number");
  }
  return out;
}

Result<std::string> TensorArchive::bytes(const std::string& name) const {
  const auto found = contents_->tensors.find(name);
  if (found == contents_->tensors.end() || found->second.scalar_type() != torch::kUInt8) {
    return fail(ErrorCode::corrupt, "policy state: '" + name + "' is missing");
  }
  const torch::Tensor& tensor = found->second;
  return std::string(reinterpret_cast<const char*>(tensor.data_ptr<std::uint8_t>()),
                     static_cast<std::size_t>(tensor.numel()));
}

}  // namespace yardmaster::policies
