#include "core/cost.h"

namespace feedfwd {

namespace {

int64_t matmul_flops(const Graph& graph, const Node& node) {
  const Shape& a = graph.type(node.inputs[0]).shape;
  const int64_t depth = a[node.attrs.i[0] ? -2 : -1];
  const int64_t made = graph.type(node.first_output).shape.count();
  return checked_mul(checked_mul(2, depth), made);
}

int64_t flops(const Graph& graph, const Node& node) {
  const auto count = [&](ValueId v) { return graph.type(v).shape.count(); };
  switch (node.op) {
    case Op::Matmul:
      return matmul_flops(graph, node);
    case Op::Softmax:
    case Op::LogSoftmax:
    case Op::Xent:
    case Op::XentGrad:
      return checked_mul(5, count(node.inputs[0]));
    case Op::Sum:
    case Op::ReduceMax:
    case Op::ReduceMin:
    case Op::ArgMax:
      return count(node.inputs[0]);
    case Op::Cast:
    case Op::BroadcastTo:
      return 0;
    default:
      return is_elementwise(node.op) ? count(node.first_output) : 0;
  }
}

}  // namespace

int64_t flops_of(const Graph& graph, size_t first_node) {
  int64_t total = 0;
  for (size_t i = first_node; i < graph.nodes().size(); ++i)
    total = checked_add(total, flops(graph, graph.nodes()[i]));
  return total;
}

}  // namespace feedfwd
