#include <algorithm>

#include "core/tensor.h"

namespace feedfwd {
namespace {
thread_local std::vector<TapeImpl*> stack;
}

TapeImpl::TapeImpl(bool persistent, bool watch_variables)
    : persistent_(persistent), watch_variables_(watch_variables) {}

void TapeImpl::enter() {
  if (entered_) throw std::invalid_argument("GradientTape: entered twice at once");
  entered_ = true;
  stack.push_back(this);
}

void TapeImpl::exit() {
  entered_ = false;
  std::erase(stack, this);
}

void TapeImpl::reset() {
  graph_ = Graph();
  tensors_.clear();
  ids_.clear();
  variable_ids_.clear();
  needs_.clear();
  watched_.clear();
  held_.clear();
  used_ = false;
}

bool TapeImpl::any_active() { return !stack.empty(); }

void TapeImpl::record_all(Op op, const std::vector<Arg>& inputs, const std::vector<Tensor>& read,
                          const Attrs& attrs, const std::vector<Tensor>& outputs) {
  for (TapeImpl* tape : stack)
    if (!tape->paused_) tape->record(op, inputs, read, attrs, outputs);
}

bool TapeImpl::tracked(const Arg& x) const {
  const ValueId id = find(x);
  if (id != kNoValue) return needs_[id];
  return x.variable && x.variable->trainable && watch_variables_ && is_float(x.type().dtype);
}

ValueId TapeImpl::find(const Arg& x) const {
  if (x.variable) {
    const auto it = variable_ids_.find(x.variable.get());
    return it == variable_ids_.end() ? kNoValue : it->second;
  }
  const auto it = ids_.find(x.tensor.get());
  return it == ids_.end() ? kNoValue : it->second;
}

bool TapeImpl::knows(const Arg& x) const {
  const ValueId id = find(x);
  if (id != kNoValue) return needs_[id];
  return x.variable && watch_variables_ && x.variable->trainable;
}

ValueId TapeImpl::leaf(const Arg& x, const Tensor& tensor) {
  if (const ValueId id = find(x); id != kNoValue) return id;
  const bool watched = tracked(x);
  ValueId id;
  if (x.variable) {
    id = graph_.parameter(static_cast<int>(variable_ids_.size()), x.type());
    variable_ids_.emplace(x.variable.get(), id);
    held_.push_back(x.variable);
    if (watched) watched_.push_back(x.variable);
  } else {
    id = graph_.input(x.type());
  }
  ids_.emplace(tensor.get(), id);
  tensors_.resize(graph_.values());
  needs_.resize(graph_.values());
  tensors_[id] = tensor;
  needs_[id] = watched;
  return id;
}

void TapeImpl::watch(const Arg& x) {
  if (!is_float(x.type().dtype))
    throw TypeError(std::string("watch: only float tensors have gradients, got ") +
                    name_of(x.type().dtype));
  if (x.tensor && x.tensor->kind != TensorImpl::Kind::concrete)
    throw TypeError("watch: a symbolic Tensor cannot be watched");
  const bool known = find(x) != kNoValue;
  const ValueId id = leaf(x, x.tensor ? x.tensor : read(x.variable));
  if (x.variable && (!known || !needs_[id]) &&
      std::find(watched_.begin(), watched_.end(), x.variable) == watched_.end())
    watched_.push_back(x.variable);
  needs_[id] = true;
}

void TapeImpl::record(Op op, const std::vector<Arg>& inputs, const std::vector<Tensor>& read,
                      const Attrs& attrs, const std::vector<Tensor>& outputs) {
  if (used_ && !persistent_) return;
  if (std::none_of(inputs.begin(), inputs.end(), [&](const Arg& a) { return tracked(a); })) return;
  std::vector<ValueId> ids;
  for (size_t i = 0; i < inputs.size(); ++i) ids.push_back(leaf(inputs[i], read[i]));
  const ValueId first = graph_.add(op, std::move(ids), attrs);
  tensors_.resize(graph_.values());
  needs_.resize(graph_.values());
  for (size_t i = 0; i < outputs.size(); ++i) {
    const ValueId id = graph_.output(first, static_cast<int>(i));
    ids_[outputs[i].get()] = id;
    tensors_[id] = outputs[i];
    needs_[id] = is_float(outputs[i]->type.dtype) && op != Op::StopGradient;
  }
}

namespace {

// Computes the nodes from `first` on; `values` holds, by value id, what came before and receives
// the rest.
void evaluate(const Graph& graph, size_t first, std::vector<Tensor>& values) {
  values.resize(graph.values());
  const std::shared_ptr<Backend> backend = get_backend("cpu");
  for (size_t n = first; n < graph.nodes().size(); ++n) {
    const Node& node = graph.nodes()[n];
    if (node.op == Op::Constant) {
      const ConstantData& data = graph.constants()[static_cast<size_t>(node.attrs.i[0])];
      values[node.first_output] = from_host(data.type, data.bytes->data(), backend);
      continue;
    }
    std::vector<Arg> inputs;
    for (ValueId v : node.inputs) inputs.push_back(arg(values[v]));
    std::vector<Tensor> out = apply(node.op, inputs, node.attrs);
    for (size_t i = 0; i < out.size(); ++i)
      values[node.first_output + static_cast<int>(i)] = out[i];
  }
}

}  // namespace

std::vector<Tensor> TapeImpl::gradient(const std::vector<Arg>& targets,
                                       const std::vector<Arg>& sources,
                                       const std::vector<Tensor>& seeds) {
  if (used_ && !persistent_)
    throw std::invalid_argument(
        "GradientTape.gradient: a tape gives one gradient; make it GradientTape(persistent=True) "
        "for more");
  // The tape's own graph stays as it is: the gradient's nodes are added to a copy and evaluated
  // eagerly, which lets enclosing tapes record them.
  Graph graph = graph_;
  std::vector<Tensor> values = tensors_;
  std::vector<ValueId> target_ids, seed_ids, source_ids;
  for (size_t i = 0; i < targets.size(); ++i) {
    const ValueId id = find(targets[i]);
    if (id == kNoValue) continue;
    ValueId seed = kNoValue;
    if (seeds[i]) {
      seed = graph.input(seeds[i]->type);
      values.resize(graph.values());
      values[seed] = seeds[i];
    }
    target_ids.push_back(id);
    seed_ids.push_back(seed);
  }
  std::vector<int> place(sources.size(), -1);
  for (size_t i = 0; i < sources.size(); ++i) {
    const ValueId id = find(sources[i]);
    if (id == kNoValue || !needs_[id]) continue;
    place[i] = static_cast<int>(source_ids.size());
    source_ids.push_back(id);
  }
  const size_t before = graph.nodes().size();
  const std::vector<ValueId> gradients = differentiate(graph, target_ids, seed_ids, source_ids);

  paused_ = true;
  struct Resume {
    bool& paused;
    ~Resume() { paused = false; }
  } resume{paused_};
  evaluate(graph, before, values);
  std::vector<Tensor> result(sources.size());
  for (size_t i = 0; i < sources.size(); ++i)
    if (place[i] >= 0 && gradients[place[i]] != kNoValue) result[i] = values[gradients[place[i]]];
  used_ = true;
  if (!persistent_) {
    tensors_.clear();
    ids_.clear();
  }
  return result;
}

}  // namespace feedfwd
