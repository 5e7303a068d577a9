#include "core/optimizer.h"
#include "core/float_state.h"

#include <algorithm>

#include "core/host.h"
#include "core/math/optimizers.h"

namespace feedfwd {
namespace {

template <class O>
OptimizerKind kind_of() {
  std::vector<std::string> names;
  for (const char* h : O::hyper)
    if (h) names.emplace_back(h);
  return {O::name, std::move(names), &O::flags, &O::slots, &O::initial, &O::scalars};
}

Ref ref_of(const VariableImpl& v, const Storage& storage) {
  return {storage.data(), {v.layout.rows}, {v.layout.cols}, v.layout.row_stride, 1, v.type.dtype};
}

}  // namespace

const std::vector<OptimizerKind>& optimizer_kinds() {
#define FF_KIND(O) kind_of<math::O>(),
  static const std::vector<OptimizerKind> kinds = {FF_OPTIMIZERS(FF_KIND)};
#undef FF_KIND
  return kinds;
}

Optimizer::Optimizer(const std::string& kind, std::vector<double> hyper_values, Clip clip,
                     double clip_at)
    : hyper(std::move(hyper_values)), clip_(clip), clip_at_(clip_at) {
  const auto& kinds = optimizer_kinds();
  const auto it =
      std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) { return kind == k.name; });
  if (it == kinds.end()) throw std::invalid_argument("no optimizer is named '" + kind + "'");
  id_ = static_cast<FunctionId>(it - kinds.begin());
}

UpdateRequest Optimizer::request(std::vector<std::pair<int, ValueId>> gradients,
                                 const std::vector<Variable>& variables,
                                 const std::vector<Variable>& no_decay, double weight_decay) const {
  UpdateRequest r;
  r.optimizer = id_;
  r.flags = kind().flags(hyper.data());
  r.slots = kind().slots(hyper.data());
  r.clip = clip_;
  r.clip_at = clip_at_;
  const auto variable = [&](int index) -> const Variable& {
    return variables[static_cast<size_t>(index)];
  };
  std::stable_partition(gradients.begin(), gradients.end(),
                        [&](const auto& g) { return variable(g.first)->type.shape.rank >= 2; });
  for (const auto& [index, gradient] : gradients)
    if (weight_decay != 0 &&
        std::find(no_decay.begin(), no_decay.end(), variable(index)) == no_decay.end())
      r.decayed.push_back(index);
  r.gradients = std::move(gradients);
  return r;
}

std::vector<Storage>& Optimizer::slots_of(const Variable& v) {
  Slots& slots = slots_[v.get()];
  const size_t wanted = static_cast<size_t>(kind().slots(hyper.data()));
  if (slots.owner.lock() == v && slots.values.size() == wanted) {
    if (slots.backend != v->backend) slots.move_to(v->backend);
    return slots.values;
  }
  // A slot of a variable that is gone (its address reused) or of other hyperparameters starts
  // afresh.
  std::erase_if(slots_, [](const auto& entry) { return entry.second.owner.expired(); });
  v->materialize();
  Slots fresh{v, v->backend, {}};
  const int64_t bytes =
      checked_mul(v->layout.elements(), static_cast<int64_t>(size_of(v->type.dtype)));
  for (size_t i = 0; i < wanted; ++i) {
    fresh.values.push_back({v->backend->allocate(static_cast<size_t>(bytes)), 0});
    const double start = kind().initial(hyper.data(), static_cast<int>(i));
    if (start == 0) continue;
    const Tensor value = scalar(start, v->type.dtype, v->backend);
    Ref in{value->storage.data(), {v->layout.rows}, {v->layout.cols}, 0, 0, v->type.dtype};
    v->backend->run({Op::BroadcastTo, {}, {in}, {ref_of(*v, fresh.values[i])}, 0});
  }
  return (slots_[v.get()] = std::move(fresh)).values;
}

void Optimizer::Slots::move_to(const std::shared_ptr<Backend>& to) {
  std::vector<Storage> moved;
  for (const Storage& from : values) {
    std::vector<std::byte> bytes(from.block.bytes - static_cast<size_t>(from.offset));
    backend->download(bytes.data(), from.data(), bytes.size());
    moved.push_back({to->allocate(bytes.size()), 0});
    to->upload(moved.back().data(), bytes.data(), bytes.size());
  }
  values = std::move(moved);
  backend = to;
}

bool Optimizer::has_slots(const Variable& v) const {
  const auto it = slots_.find(v.get());
  return it != slots_.end() && it->second.owner.lock() == v;
}

std::vector<double> Optimizer::scalars(const std::vector<double>& learning_rates,
                                       double weight_decay) const {
  const FloatState nearest;
  std::vector<double> out(learning_rates.size() * kStepScalars);
  for (size_t i = 0; i < learning_rates.size(); ++i) {
    double* k = out.data() + i * kStepScalars;
    kind().scalars(hyper.data(), learning_rates[i], iterations + 1 + static_cast<int64_t>(i), k);
    k[math::kDecay] = learning_rates[i] * weight_decay;
  }
  return out;
}

void Optimizer::bind_eager(const std::vector<std::pair<Tensor, Variable>>& pairs,
                           double weight_decay, const std::vector<Variable>& no_decay,
                           std::vector<const void*> memory) {
  Graph graph;
  PlanRequest plan;
  std::vector<Variable> variables;
  std::vector<std::pair<int, ValueId>> gradients;
  Bindings bindings;
  eager_ = {};
  const int n = static_cast<int>(pairs.size());
  for (const auto& [gradient, v] : pairs) {
    graph.parameter(static_cast<int>(variables.size()), v->type);
    variables.push_back(v);
    bindings.variables.push_back(v->storage);
    bindings.slots.push_back(slots_of(v));
  }
  for (int i = 0; i < n; ++i) {
    const Variable& v = variables[static_cast<size_t>(i)];
    const Variable held = make_variable(v->type, "gradient", false);
    held->backend = v->backend;
    if (v->backend != variables[0]->backend)
      throw std::invalid_argument("apply_gradients: the variables are on different devices");
    assign(held, arg(pairs[static_cast<size_t>(i)].first));
    gradients.emplace_back(i, graph.parameter(n + i, held->type));
    eager_.gradients.push_back(held);
    bindings.variables.push_back(held->storage);
    bindings.slots.emplace_back();
  }
  plan.has_update = true;
  plan.update = request(std::move(gradients), variables, no_decay, weight_decay);
  eager_.program = std::make_unique<Program>(graph, make_plan(graph, plan), variables[0]->backend,
                                             std::move(bindings));
  eager_.memory = std::move(memory);
  eager_.hyper = hyper;
  eager_.no_decay = no_decay;
  eager_.decays = weight_decay != 0;
}

void Optimizer::apply(const std::vector<std::pair<Tensor, Variable>>& pairs, double learning_rate,
                      double weight_decay, const std::vector<Variable>& no_decay) {
  std::vector<const void*> memory;
  std::vector<Arg> gradients;
  std::vector<Variable> variables;
  for (const auto& [gradient, v] : pairs) {
    v->materialize();
    gradients.push_back(arg(gradient));
    variables.push_back(v);
  }
  const Hold stepping(guard, Access::exclusive);
  const Hold writing = hold(gradients, variables);
  for (const auto& [gradient, v] : pairs) {
    v->detach_reader();
    memory.push_back(v->storage.data());
    for (const Storage& slot : slots_of(v)) memory.push_back(slot.data());
  }
  if (pairs.empty()) return;
  if (eager_.program && eager_.memory == memory && eager_.hyper == hyper &&
      eager_.no_decay == no_decay && eager_.decays == (weight_decay != 0)) {
    for (size_t i = 0; i < pairs.size(); ++i) assign(eager_.gradients[i], arg(pairs[i].first));
  } else {
    bind_eager(pairs, weight_decay, no_decay, std::move(memory));
  }
  const std::vector<double> numbers = scalars({learning_rate}, weight_decay);
  Program::Run run;
  run.total_rows = 1;
  run.scalars = numbers.data();
  {
    const Released free;
    eager_.program->run(run);
  }
  ++iterations;
}

}  // namespace feedfwd
