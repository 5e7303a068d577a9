// Reverse mode over the nodes between sources and targets. Order (numerics, rule 5): a target's
// seeds first, in the order of the targets; then contributions of consumers, the last consumer
// first, and within one consumer in rising input position. The first is stored, each other added to
// what is there.
#include "core/gradient_rules.h"

namespace feedfwd {

ValueId map(Graph& graph, Unary fn, ValueId x) {
  Attrs attrs;
  attrs.fn = static_cast<FunctionId>(fn);
  return graph.add(Op::Map, {x}, attrs);
}

ValueId reshape(Graph& graph, ValueId x, const Shape& shape) {
  if (graph.type(x).shape == shape) return x;
  Attrs attrs;
  attrs.shape = shape;
  return graph.add(Op::Reshape, {x}, attrs);
}

ValueId broadcast_to(Graph& graph, ValueId x, const Shape& shape) {
  if (graph.type(x).shape == shape) return x;
  Attrs attrs;
  attrs.shape = shape;
  return graph.add(Op::BroadcastTo, {x}, attrs);
}

ValueId sum(Graph& graph, ValueId x, int64_t mask, bool keepdims) {
  Attrs attrs;
  attrs.i[0] = mask;
  attrs.i[1] = keepdims;
  return graph.add(Op::Sum, {x}, attrs);
}

ValueId filled_like(Graph& graph, double value, ValueId like) {
  const ValueType type = graph.type(like);
  return broadcast_to(graph, graph.constant(value, type.dtype), type.shape);
}

ValueId unbroadcast(Graph& graph, ValueId grad, const Shape& shape) {
  const Shape from = graph.type(grad).shape;
  const int shift = from.rank - shape.rank;
  int64_t mask = 0;
  for (int k = 0; k < from.rank; ++k) {
    if (k < shift || shape.extent(k - shift) != from.extent(k)) mask |= int64_t{1} << k;
  }
  return reshape(graph, mask == 0 ? grad : sum(graph, grad, mask, false), shape);
}

namespace {

Rule rule_of(Op op) {
  if (is_elementwise(op)) return elementwise_rule(op);
  if (op >= Op::Matmul && op <= Op::OneHot) return rows_rule(op);
  return form_rule(op);
}

// Values through which a source reaches something.
std::vector<bool> reached(const Graph& graph, const std::vector<ValueId>& sources) {
  std::vector<bool> reached(graph.values(), false);
  for (ValueId v : sources) {
    if (is_float(graph.type(v).dtype)) reached[v] = true;
  }
  for (const Node& node : graph.nodes()) {
    bool any = false;
    for (ValueId v : node.inputs) any = any || reached[v];
    if (!any || rule_of(node.op) == nullptr) continue;
    for (int k = 0; k < node.outputs; ++k) {
      const ValueId v = node.first_output + k;
      if (is_float(graph.type(v).dtype)) reached[v] = true;
    }
  }
  return reached;
}

class Pass {
 public:
  Pass(Graph& graph, const std::vector<ValueId>& sources)
      : graph_(graph), reached_(reached(graph, sources)), grads_(graph.values(), kNoValue) {}

  void seed(ValueId target, ValueId seed) {
    if (!reached_[target]) return;
    if (seed == kNoValue) {
      seed = filled_like(graph_, 1.0, target);
    } else if (graph_.type(seed) != graph_.type(target)) {
      throw std::invalid_argument("differentiate: seed of shape " + graph_.type(seed).shape.str() +
                                  " came for a target of " + graph_.type(target).shape.str());
    }
    add(target, seed);
  }

  void step(int index) {
    Backward backward{graph_, graph_.nodes()[index], {}, {}};
    bool arrived = false, wanted = false;
    for (int k = 0; k < backward.node.outputs; ++k) {
      backward.out_grads.push_back(grads_[backward.out(k)]);
      arrived = arrived || backward.out_grads.back() != kNoValue;
    }
    for (ValueId v : backward.node.inputs) {
      backward.wanted.push_back(reached_[v]);
      wanted = wanted || reached_[v];
    }
    const Rule rule = rule_of(backward.node.op);
    if (!arrived || !wanted || rule == nullptr) return;
    const Grads grads = rule(backward);
    for (size_t k = 0; k < grads.size(); ++k) {
      if (grads[k] != kNoValue && backward.wanted[k]) add(backward.node.inputs[k], grads[k]);
    }
  }

  ValueId gradient(ValueId source) const { return grads_[source]; }

 private:
  void add(ValueId v, ValueId grad) {
    grads_[v] = grads_[v] == kNoValue ? grad : graph_.add(Op::Add, {grads_[v], grad});
  }

  Graph& graph_;
  std::vector<bool> reached_;
  std::vector<ValueId> grads_;
};

}  // namespace

std::vector<ValueId> differentiate(Graph& graph, const std::vector<ValueId>& targets,
                                   const std::vector<ValueId>& seeds,
                                   const std::vector<ValueId>& sources) {
  if (targets.size() != seeds.size()) {
    throw std::invalid_argument("differentiate: " + std::to_string(seeds.size()) + " seeds came, " +
                                std::to_string(targets.size()) + " expected, one per target");
  }
  const int last = static_cast<int>(graph.nodes().size()) - 1;
  Pass pass(graph, sources);
  for (size_t k = 0; k < targets.size(); ++k) pass.seed(targets[k], seeds[k]);
  for (int n = last; n >= 0; --n) pass.step(n);
  std::vector<ValueId> result;
  for (ValueId v : sources) result.push_back(pass.gradient(v));
  return result;
}

}  // namespace feedfwd
