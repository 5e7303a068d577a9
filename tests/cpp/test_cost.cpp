// The operations of a graph, counted by hand beside it.
#include "core/cost.h"

#include "check.h"

using namespace feedfwd;

int main() {
  Graph graph;
  const ValueId x = graph.input({DType::f32, Shape({1, 4}, true)});
  const ValueId w = graph.parameter(0, {DType::f32, Shape({4, 3})});
  Attrs dense;
  dense.i[2] = 1;
  const ValueId z = graph.add(Op::Matmul, {x, w}, dense);
  CHECK(flops_of(graph) == 2 * 4 * 3);
  const size_t before = graph.nodes().size();
  const ValueId y = graph.add(Op::Map, {z});
  CHECK(flops_of(graph, before) == 3);
  graph.add(Op::Softmax, {y});
  CHECK(flops_of(graph, before) == 3 + 5 * 3);

  // The batch is summed over: one of its rows counts.
  Attrs transposed;
  transposed.i[0] = 1;
  const size_t outer = graph.nodes().size();
  const ValueId product = graph.add(Op::Matmul, {x, z}, transposed);
  CHECK(graph.type(product).shape == Shape({4, 3}));
  CHECK(flops_of(graph, outer) == 2 * 4 * 3);
  const size_t last = graph.nodes().size();
  Attrs over_both;
  over_both.i[0] = 3;
  graph.add(Op::Sum, {product}, over_both);
  CHECK(flops_of(graph, last) == 12);
  Attrs form;
  form.shape = Shape({3, 4});
  graph.add(Op::Reshape, {product}, form);
  CHECK(flops_of(graph, last) == 12);
  CHECK(flops_of(graph, 1000) == 0);
  return test::check_summary();
}
