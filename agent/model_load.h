#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/keys/token_bucket.h"
#include "base/time.h"
#include "env/model_pool.h"

namespace yardmaster::agent {

/// How far each model of a pool is from what its upstream allows us: requests and tokens a minute,
/// and calls at once. A model that is at a limit is not to be chosen; one that is chosen all the
/// same, because two threads chose it at the same moment, goes over it by that, and pays it back.
///
/// Models are named by their index in the pool. Thread-safe: a model without limits costs nothing,
/// one with limits a short lock a call. Time comes in.
class ModelLoad {
  struct Model;

 public:
  explicit ModelLoad(const std::vector<env::ModelSpec>& models);
  ~ModelLoad();

  bool has_limits() const { return has_limits_; }

  /// Puts into `reasons` (in the pool's order, made as long) why each model that has none yet
  /// cannot take a query of so many tokens now.
  void add_reasons(double tokens, Timestamp now, std::vector<std::string>& reasons) const;

  /// One call's part of a model's load: it counts as under way until this is destroyed. The load
  /// must outlive it. One thread.
  class Call {
   public:
    Call() = default;  ///< of nothing
    Call(Call&& other) noexcept;
    Call& operator=(Call&& other) noexcept;
    ~Call() { end(); }

    /// It really took so many tokens, input and output together.
    void used(double tokens);

    /// It is made again, which counts as one more request.
    void again();

    /// It is not under way any more; what it took stays taken.
    void end();

   private:
    friend class ModelLoad;
    Call(Model& model, double tokens) : model_(&model), tokens_(tokens) {}

    Model* model_ = nullptr;
    double tokens_ = 0;
  };

  /// A call is about to be made, which is expected to take so many tokens.
  Call begin(std::size_t model, double tokens, Timestamp now);

 private:
  std::vector<std::unique_ptr<Model>> models_;  ///< nullptr: of one without limits
  bool has_limits_ = false;
};

}  // namespace yardmaster::agent
