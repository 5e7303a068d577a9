// One optimizer: its kind and hyperparameters, its step counter, and its slots for each variable.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "core/tensor.h"

namespace feedfwd {

struct OptimizerKind {
  const char* name;
  std::vector<std::string> hyper;
  int (*flags)(const double* hyper);
  int (*slots)(const double* hyper);
  double (*initial)(const double* hyper, int slot);
  void (*scalars)(const double* hyper, double learning_rate, int64_t step, double* out);
};
const std::vector<OptimizerKind>& optimizer_kinds();

class Optimizer {
 public:
  struct Slots {
    std::weak_ptr<VariableImpl> owner;
    std::shared_ptr<Backend> backend;  // the variable's, when they were made or moved
    std::vector<Storage> values;       // in the variable's layout

    void move_to(const std::shared_ptr<Backend>& to);
  };

  Optimizer(const std::string& kind, std::vector<double> hyper, Clip clip, double clip_at);
  const OptimizerKind& kind() const { return optimizer_kinds()[id_]; }
  // The update of a plan: pairs of (variable's index in the graph, gradient) are put in arena
  // order.
  UpdateRequest request(std::vector<std::pair<int, ValueId>> gradients,
                        const std::vector<Variable>& variables,
                        const std::vector<Variable>& no_decay, double weight_decay) const;
  // Slots of the variable, made at the first call.
  std::vector<Storage>& slots_of(const Variable& variable);
  bool has_slots(const Variable& variable) const;
  // kStepScalars numbers for steps iterations + 1, ...
  std::vector<double> scalars(const std::vector<double>& learning_rates, double weight_decay) const;
  // One eager step: a plan of the update alone, kept for the next call on the same variables.
  void apply(const std::vector<std::pair<Tensor, Variable>>& pairs, double learning_rate,
             double weight_decay, const std::vector<Variable>& no_decay);

  // Held for writing by whoever makes steps.
  const Guarded guard = std::make_shared<AccessGuard>();
  int64_t iterations = 0;
  std::vector<double> hyper;

 private:
  FunctionId id_ = 0;
  Clip clip_;
  double clip_at_;
  std::unordered_map<const VariableImpl*, Slots> slots_;

  struct Eager {
    std::vector<Variable> gradients, no_decay;
    std::vector<const void*> memory;  // of the variables and slots it is bound to
    std::vector<double> hyper;
    bool decays = false;
    std::unique_ptr<Program> program;
  };
  void bind_eager(const std::vector<std::pair<Tensor, Variable>>& pairs, double weight_decay,
                  const std::vector<Variable>& no_decay, std::vector<const void*> memory);
  Eager eager_;
};

}  // namespace feedfwd
