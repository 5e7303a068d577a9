// Gradient rules of ops that move elements.
#include "core/gradient_rules.h"

namespace feedfwd {

namespace {

Grads reshape_rule(const Backward& b) {
  const Shape shape = b.shape(b.in(0));
  return {reshape(b.graph, b.grad(), shape)};
}

Grads transpose_rule(const Backward& b) {
  Attrs back;
  for (int k = 0; k < b.shape(b.in(0)).rank; ++k) back.i[b.node.attrs.i[k]] = k;
  return {b.graph.add(Op::Transpose, {b.grad()}, back)};
}

Grads concat_rule(const Backward& b) {
  const int axis = static_cast<int>(b.node.attrs.i[0]);
  Grads grads(b.node.inputs.size(), kNoValue);
  int64_t start = 0;
  for (size_t k = 0; k < grads.size(); ++k) {
    const int64_t count = b.shape(b.node.inputs[k]).dims[axis];
    Attrs part;
    part.i = {axis, start, 1, count};
    if (b.wanted[k]) grads[k] = b.graph.add(Op::Slice, {b.grad()}, part);
    start += count;
  }
  return grads;
}

// Slice and SliceGrad are each other's gradient: i[3] becomes the extent that went in.
Grads slice_rule(const Backward& b) {
  Attrs attrs = b.node.attrs;
  attrs.i[3] = b.shape(b.in(0)).dims[attrs.i[0]];
  return {b.graph.add(b.node.op == Op::Slice ? Op::SliceGrad : Op::Slice, {b.grad()}, attrs)};
}

}  // namespace

Rule form_rule(Op op) {
  switch (op) {
    case Op::Reshape:
      return reshape_rule;
    case Op::Transpose:
      return transpose_rule;
    case Op::Concat:
      return concat_rule;
    case Op::Slice:
    case Op::SliceGrad:
      return slice_rule;
    default:
      return nullptr;
  }
}

}  // namespace feedfwd
