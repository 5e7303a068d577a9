// Shape rules of the matmul, reductions and ops that work on rows (the last axis).
#include "core/infer.h"

namespace feedfwd {

namespace {

// Matmul(a, b), both with two axes; attrs.i = transpose a, transpose b, lane order.
Types infer_matmul(const Call& call) {
  call.expect_inputs(2);
  call.expect_float(0);
  call.expect_same_dtype(0, 1);
  const Shape &a = call.in[0].shape, &b = call.in[1].shape;
  if (a.rank != 2 || b.rank != 2) {
    call.fail("shapes " + a.str() + " and " + b.str() + " came, two axes each expected");
  }
  const bool ta = call.attrs.i[0] != 0, tb = call.attrs.i[1] != 0;
  const Extent m = a.extent(ta ? 1 : 0), k = a.extent(ta ? 0 : 1);
  const Extent k_of_b = b.extent(tb ? 1 : 0), n = b.extent(tb ? 0 : 1);
  if (k != k_of_b) {
    call.fail("shapes " + a.str() + (ta ? " transposed" : "") + " and " + b.str() +
              (tb ? " transposed" : "") + " came, equal inner extents expected");
  }
  if (n.batch) call.fail("the batch came as columns of the result, as rows expected");
  if (call.attrs.i[2] != 0 && (ta || n.n > 4)) {
    call.fail("lane order came with " + std::to_string(n.n) + " columns" +
              (ta ? " and a transposed left operand" : "") +
              ", at most 4 and a left operand as it stands expected");
  }
  Shape out{m.n, n.n};
  out.batch = m.batch;
  return {{call.in[0].dtype, out}};
}

// Sum, ReduceMax, ReduceMin (x): attrs.i = mask of axes, keepdims.
Types infer_reduce(const Call& call) {
  call.expect_inputs(1);
  call.expect_number(0);
  const Shape& shape = call.in[0].shape;
  const int64_t mask = call.attrs.i[0];
  if (mask < 0 || mask >> shape.rank != 0) {
    call.fail("axes beyond the last came for shape " + shape.str());
  }
  if (call.op != Op::Sum) {
    for (int k = 0; k < shape.rank; ++k) {
      if ((mask >> k & 1) && shape.dims[k] == 0) {
        call.fail("shape " + shape.str() + " came, no empty axis among those reduced expected");
      }
    }
  }
  return {{call.in[0].dtype, reduced(shape, mask, call.attrs.i[1] != 0)}};
}

// ArgMax(x): attrs.i[0] = axis; int64 without that axis.
Types infer_argmax(const Call& call) {
  call.expect_inputs(1);
  call.expect_number(0);
  const int axis = call.axis(0);
  if (call.in[0].shape.dims[axis] == 0) {
    call.fail("shape " + call.in[0].shape.str() + " came, an axis that is not empty expected");
  }
  return {{DType::i64, without_axis(call.in[0].shape, axis)}};
}

void expect_rows(const Call& call) {
  const Shape& shape = call.in[0].shape;
  if (shape.rank == 0 || (shape.rank == 1 && shape.batch)) {
    call.fail("shape " + shape.str() + " came, a last axis besides the batch expected");
  }
}

bool is_labels(const ValueType& target) { return is_integer(target.dtype); }

// The target of Xent and XentGrad: integer labels per row, or probabilities in the logits' form.
void expect_target(const Call& call, const Shape& per_row) {
  const ValueType& target = call.in[1];
  if (is_labels(target)) {
    if (target.shape != per_row) {
      call.fail("labels of shape " + target.shape.str() + " came, " + per_row.str() + " expected");
    }
    return;
  }
  if (target.dtype != call.in[0].dtype) {
    call.fail_dtype(target.dtype, std::string("integer labels or probabilities of dtype ") +
                                      name_of(call.in[0].dtype));
  }
  call.expect_same_shape(0, 1);
}

// Xent(logits, target) -> loss per row, softmax(logits).
// XentGrad(p, target, g) -> (p * sum(target) - target) * g, with labels as one-hot rows.
Types infer_xent(const Call& call) {
  call.expect_inputs(call.op == Op::Xent ? 2 : 3);
  call.expect_float(0);
  expect_rows(call);
  const Shape& shape = call.in[0].shape;
  const ValueType per_row{call.in[0].dtype, without_axis(shape, shape.rank - 1)};
  expect_target(call, per_row.shape);
  if (call.op == Op::Xent) return {per_row, call.in[0]};
  call.expect_same_dtype(0, 2);
  if (call.in[2].shape != per_row.shape) {
    call.fail("gradient of shape " + call.in[2].shape.str() + " came, " + per_row.shape.str() +
              " expected");
  }
  return {call.in[0]};
}

// OneHot(labels): attrs.i[0] = depth, attrs.dtype = the result's.
Types infer_one_hot(const Call& call) {
  call.expect_inputs(1);
  if (!is_integer(call.in[0].dtype)) call.fail_dtype(call.in[0].dtype, "int32 or int64");
  if (!is_compute(call.attrs.dtype)) {
    call.fail_dtype(call.attrs.dtype, "float32, float64, int32, int64 or bool as the result's");
  }
  Shape out = call.in[0].shape;
  if (out.rank == kMaxRank || call.attrs.i[0] < 1) {
    call.fail("depth " + std::to_string(call.attrs.i[0]) + " for shape " + out.str() +
              " came, depth >= 1 and at most " + std::to_string(kMaxRank - 1) + " axes expected");
  }
  out.dims[out.rank++] = call.attrs.i[0];
  return {{call.attrs.dtype, out}};
}

}  // namespace

Types infer_rows(const Call& call) {
  switch (call.op) {
    case Op::Matmul:
      return infer_matmul(call);
    case Op::Sum:
    case Op::ReduceMax:
    case Op::ReduceMin:
      return infer_reduce(call);
    case Op::ArgMax:
      return infer_argmax(call);
    case Op::Xent:
    case Op::XentGrad:
      return infer_xent(call);
    case Op::OneHot:
      return infer_one_hot(call);
    default:  // Softmax, LogSoftmax (x): along the last axis
      call.expect_inputs(1);
      call.expect_float(0);
      expect_rows(call);
      return {call.in[0]};
  }
}

}  // namespace feedfwd
