// Gradient rules of the matmul, reductions and ops on rows.
#include "core/gradient_rules.h"
#include "core/infer.h"

namespace feedfwd {

namespace {

// Lane order where numerics, rule 1, asks for it: b a Variable or its transpose with at most 4
// columns, a as it stands.
ValueId matmul(Graph& graph, ValueId a, ValueId b, bool transpose_a, bool transpose_b) {
  const Shape& shape = graph.type(b).shape;
  Attrs attrs;
  attrs.i[0] = transpose_a;
  attrs.i[1] = transpose_b;
  attrs.i[2] =
      !transpose_a && graph.producer(b).op == Op::Parameter && shape[transpose_b ? 0 : 1] <= 4;
  return graph.add(Op::Matmul, {a, b}, attrs);
}

// Each gradient comes out in its operand's own layout, so nothing is transposed afterwards.
Grads matmul_rule(const Backward& b) {
  const bool ta = b.node.attrs.i[0] != 0, tb = b.node.attrs.i[1] != 0;
  const ValueId g = b.grad();
  Grads grads(2, kNoValue);
  if (b.wanted[0]) {
    grads[0] = ta ? matmul(b.graph, b.in(1), g, tb, true) : matmul(b.graph, g, b.in(1), false, !tb);
  }
  if (b.wanted[1]) {
    grads[1] = tb ? matmul(b.graph, g, b.in(0), true, ta) : matmul(b.graph, b.in(0), g, !ta, false);
  }
  return grads;
}

// A reduction's value in the form that broadcasts to its operand.
ValueId with_axes(const Backward& b, ValueId value) {
  const Shape kept = reduced(b.shape(b.in(0)), b.node.attrs.i[0], true);
  return reshape(b.graph, value, kept);
}

Grads sum_rule(const Backward& b) {
  const Shape shape = b.shape(b.in(0));
  return {broadcast_to(b.graph, with_axes(b, b.grad()), shape)};
}

// To all elements equal to the extremum, in equal parts.
Grads reduce_extremum_rule(const Backward& b) {
  Graph& graph = b.graph;
  const ValueId x = b.in(0);
  const DType dtype = graph.type(x).dtype;
  const ValueId hit = graph.add(Op::Equal, {x, with_axes(b, b.out())});
  Attrs number;
  number.dtype = dtype;
  const ValueId hits = sum(graph, graph.add(Op::Cast, {hit}, number), b.node.attrs.i[0], true);
  const ValueId share = graph.add(Op::Divide, {with_axes(b, b.grad()), hits});
  return {graph.add(Op::Where, {hit, share, graph.constant(0.0, dtype)})};
}

int64_t last_axis(const Backward& b, ValueId v) { return int64_t{1} << (b.shape(v).rank - 1); }

// p (g - sum(g p)).
ValueId softmax_grad(const Backward& b, ValueId p, ValueId g) {
  const ValueId dot = sum(b.graph, b.graph.add(Op::Multiply, {g, p}), last_axis(b, p), true);
  return b.graph.add(Op::Multiply, {p, b.graph.add(Op::Subtract, {g, dot})});
}

Grads softmax_rule(const Backward& b) { return {softmax_grad(b, b.out(), b.grad())}; }

// g - exp(y) sum(g).
Grads log_softmax_rule(const Backward& b) {
  const ValueId total = sum(b.graph, b.grad(), last_axis(b, b.grad()), true);
  const ValueId p = map(b.graph, Unary::Exp, b.out());
  return {b.graph.add(Op::Subtract, {b.grad(), b.graph.add(Op::Multiply, {p, total})})};
}

// Something per row in the form that broadcasts to `like`.
ValueId as_column(const Backward& b, ValueId per_row, ValueId like) {
  const Shape column = reduced(b.shape(like), last_axis(b, like), true);
  return reshape(b.graph, per_row, column);
}

Grads xent_rule(const Backward& b) {
  Graph& graph = b.graph;
  const ValueId logits = b.in(0), target = b.in(1), p = b.out(1);
  const ValueId g_loss = b.out_grads[0], g_p = b.out_grads[1];
  Grads grads(2, kNoValue);
  if (b.wanted[0]) {
    if (g_loss != kNoValue) grads[0] = graph.add(Op::XentGrad, {p, target, g_loss});
    if (g_p != kNoValue) {
      const ValueId through_p = softmax_grad(b, p, g_p);
      grads[0] = grads[0] == kNoValue ? through_p : graph.add(Op::Add, {grads[0], through_p});
    }
  }
  if (b.wanted[1] && g_loss != kNoValue) {
    const ValueId surprise = map(graph, Unary::Neg, graph.add(Op::LogSoftmax, {logits}));
    grads[1] = graph.add(Op::Multiply, {surprise, as_column(b, g_loss, logits)});
  }
  return grads;
}

// XentGrad(p, t, g) = (p sum(t) - t) g, with h arriving.
Grads xent_grad_rule(const Backward& b) {
  Graph& graph = b.graph;
  const ValueId p = b.in(0), t = b.in(1), g = b.in(2), h = b.grad();
  const int64_t last = last_axis(b, p);
  const bool labels = is_integer(graph.type(t).dtype);
  Grads grads(3, kNoValue);
  if (b.wanted[0] || b.wanted[1]) {
    const ValueId scaled = graph.add(Op::Multiply, {h, as_column(b, g, p)});
    if (b.wanted[0]) {
      grads[0] = labels ? scaled : graph.add(Op::Multiply, {scaled, sum(graph, t, last, true)});
    }
    if (b.wanted[1]) {
      const ValueId dot = sum(graph, graph.add(Op::Multiply, {scaled, p}), last, true);
      grads[1] = graph.add(Op::Subtract, {dot, scaled});
    }
  }
  if (b.wanted[2]) {
    const ValueId unit = graph.add(Op::XentGrad, {p, t, filled_like(graph, 1.0, g)});
    grads[2] = sum(graph, graph.add(Op::Multiply, {h, unit}), last, false);
  }
  return grads;
}

}  // namespace

Rule rows_rule(Op op) {
  switch (op) {
    case Op::Matmul:
      return matmul_rule;
    case Op::Sum:
      return sum_rule;
    case Op::ReduceMax:
    case Op::ReduceMin:
      return reduce_extremum_rule;
    case Op::Softmax:
      return softmax_rule;
    case Op::LogSoftmax:
      return log_softmax_rule;
    case Op::Xent:
      return xent_rule;
    case Op::XentGrad:
      return xent_grad_rule;
    default:
      return nullptr;
  }
}

}  // namespace feedfwd
