// What gradient rules get, give and share. One rule per op; a rule emits only ops that have rules
// or carry no gradient.
#pragma once

#include <vector>

#include "core/functions.h"
#include "core/graph.h"

namespace feedfwd {

struct Backward {
  Graph& graph;
  Node node;                       // a copy: the graph's nodes move as it grows
  std::vector<ValueId> out_grads;  // by output; kNoValue where none arrived
  std::vector<bool> wanted;        // by input

  ValueId in(int k) const { return node.inputs[k]; }
  ValueId out(int k = 0) const { return node.first_output + k; }
  ValueId grad() const { return out_grads[0]; }
  const Shape& shape(ValueId v) const { return graph.type(v).shape; }
};

// By input; kNoValue where not wanted, or where the input carries no gradient.
using Grads = std::vector<ValueId>;
using Rule = Grads (*)(const Backward&);

// Null for an op that stops gradients.
Rule elementwise_rule(Op op);
Rule rows_rule(Op op);
Rule form_rule(Op op);

ValueId map(Graph& graph, Unary fn, ValueId x);
ValueId reshape(Graph& graph, ValueId x, const Shape& shape);
ValueId broadcast_to(Graph& graph, ValueId x, const Shape& shape);
ValueId sum(Graph& graph, ValueId x, int64_t mask, bool keepdims);
// Everywhere `value`, in the type of `like`.
ValueId filled_like(Graph& graph, double value, ValueId like);
// `grad` of something `shape` was broadcast to, summed over what broadcasting repeated.
ValueId unbroadcast(Graph& graph, ValueId grad, const Shape& shape);

}  // namespace feedfwd
