// Shape rules of ops that move elements.
#include "core/infer.h"

namespace feedfwd {

namespace {

// Reshape(x) -> attrs.shape, complete, with as many elements (per batch row).
Types infer_reshape(const Call& call) {
  call.expect_inputs(1);
  const Shape &from = call.in[0].shape, &to = call.attrs.shape;
  if (from.batch != to.batch || from.count() != to.count()) {
    call.fail("shape " + from.str() + " came, one with the elements of " + to.str() + " expected");
  }
  return {{call.in[0].dtype, to}};
}

// Transpose(x): attrs.i[k] = source axis of axis k; the batch stays in front.
Types infer_transpose(const Call& call) {
  call.expect_inputs(1);
  const Shape& from = call.in[0].shape;
  Shape to = from;
  int64_t seen = 0;
  for (int k = 0; k < from.rank; ++k) {
    const int64_t axis = call.attrs.i[k];
    if (axis < 0 || axis >= from.rank || (seen >> axis & 1)) {
      call.fail("axis " + std::to_string(axis) + " came for shape " + from.str() +
                ", every axis once expected");
    }
    seen |= int64_t{1} << axis;
    to.dims[k] = from.dims[axis];
  }
  if (from.batch && call.attrs.i[0] != 0) {
    call.fail("axis " + std::to_string(call.attrs.i[0]) + " came in front of the batch of " +
              from.str() + ", the batch as leading axis expected");
  }
  return {{call.in[0].dtype, to}};
}

// Concat(x0, x1, ...) along attrs.i[0].
Types infer_concat(const Call& call) {
  if (call.in.empty()) call.fail("no operands came, at least one expected");
  const int axis = call.axis(0);
  Shape out = call.in[0].shape;
  if (out.batch && axis == 0) call.fail("the batch axis came, another axis expected");
  for (size_t j = 1; j < call.in.size(); ++j) {
    call.expect_same_dtype(0, static_cast<int>(j));
    const Shape& part = call.in[j].shape;
    Shape expected = call.in[0].shape;
    if (part.rank == expected.rank) expected.dims[axis] = part.dims[axis];
    if (part != expected) {
      call.fail("shapes " + call.in[0].shape.str() + " and " + part.str() +
                " came, shapes equal but for axis " + std::to_string(axis) + " expected");
    }
    out.dims[axis] = checked_add(out.dims[axis], part.dims[axis]);
  }
  return {{call.in[0].dtype, out}};
}

void expect_range(const Call& call, int64_t extent, int64_t count) {
  const int64_t start = call.attrs.i[1], step = call.attrs.i[2];
  const int64_t last = count == 0 ? start : checked_add(start, checked_mul(count - 1, step));
  const bool inside = count == 0 || (start >= 0 && start < extent && last >= 0 && last < extent);
  if (step == 0 || count < 0 || !inside) {
    call.fail("start " + std::to_string(start) + ", step " + std::to_string(step) + ", count " +
              std::to_string(count) + " came, places within extent " + std::to_string(extent) +
              " expected");
  }
}

// Slice(x): attrs.i = axis, start, step, count.
// SliceGrad(g): attrs.i = axis, start, step, full extent; zeros with g written where Slice read.
Types infer_slice(const Call& call) {
  call.expect_inputs(1);
  const int axis = call.axis(0);
  Shape out = call.in[0].shape;
  if (out.batch && axis == 0) call.fail("the batch axis came, another axis expected");
  const int64_t extent = out.dims[axis], other = call.attrs.i[3];
  if (call.op == Op::Slice) {
    expect_range(call, extent, other);
  } else {
    expect_range(call, other, extent);
  }
  out.dims[axis] = other;
  return {{call.in[0].dtype, out}};
}

}  // namespace

Types infer_form(const Call& call) {
  switch (call.op) {
    case Op::Reshape:
      return infer_reshape(call);
    case Op::Transpose:
      return infer_transpose(call);
    case Op::Concat:
      return infer_concat(call);
    case Op::Slice:
    case Op::SliceGrad:
      return infer_slice(call);
    default:  // StopGradient (x)
      call.expect_inputs(1);
      return {call.in[0]};
  }
}

}  // namespace feedfwd
