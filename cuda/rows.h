// Softmax and cross-entropy: each row by itself.
#pragma once

#include "core/math/elementary.h"
#include "cuda/half_warps.h"

namespace feedfwd::gpu {

// exp(z - max) over its sum into p, which may be z.
template <class T>
struct Softmax {
  T shift, sum;

  FF_DEV Softmax(const HalfWarp& half, const T* z, T* p, int64_t n, bool exists) {
    shift = half.extreme<true>(z, n);
    const T by = shift;
    sum = half.sum<T>(n, [=](T acc, int64_t c) { return acc + math::exp(z[c] - by); });
    __syncwarp();  // others may have read of z what is written over now
    if (!exists) return;
#pragma unroll 1
    for (int64_t c = half.lane; c < n; c += kLanes) p[c] = math::keep(math::exp(z[c] - by) / sum);
  }
};

template <class T>
FF_DEV void softmax_rows(const BoundOp& op, const StepState& state, const Span& span) {
  const BoundRef &in = op.in[0], &out = op.out[0];
  const int64_t cols = cols_of(in, state);
  for_rows(span, [&](const HalfWarp& half, int64_t r, bool exists) {
    Softmax<T>(half, at<const T>(in, r, 0), at<T>(out, r, 0), cols, exists);
  });
}

template <class T>
FF_DEV void log_softmax_rows(const BoundOp& op, const StepState& state, const Span& span) {
  const BoundRef &in = op.in[0], &out = op.out[0];
  const int64_t cols = cols_of(in, state);
  for_rows(span, [&](const HalfWarp& half, int64_t r, bool exists) {
    const T* z = at<const T>(in, r, 0);
    T* y = at<T>(out, r, 0);
    const T shift = half.extreme<true>(z, cols);
    const T sum =
        half.sum<T>(cols, [=](T acc, int64_t c) { return acc + math::exp(z[c] - shift); });
    const T log_sum = math::log(sum);
    if (!exists) return;
#pragma unroll 1
    for (int64_t c = half.lane; c < cols; c += kLanes) y[c] = (z[c] - shift) - log_sum;
  });
}

// in = {logits, probabilities}, out = {loss, p}. Sum of t * (lse - (z - shift)), by fma; t = 0 adds
// nothing, even where the logit is infinite.
template <class T>
FF_DEV void xent_dense_rows(const BoundOp& op, const StepState& state, const Span& span) {
  const BoundRef& in = op.in[0];
  const Line<T> loss(op.out[0], state);
  const int64_t cols = cols_of(in, state);
  for_rows(span, [&](const HalfWarp& half, int64_t r, bool exists) {
    const T *z = at<const T>(in, r, 0), *t = at<const T>(op.in[1], r, 0);
    const Softmax<T> e(half, z, at<T>(op.out[1], r, 0), cols, exists);
    const T shift = e.shift, lse = math::log(e.sum);
    const T sum = half.sum<T>(cols, [=](T acc, int64_t c) {
      return t[c] == 0 ? acc : math::fma(t[c], lse - (z[c] - shift), acc);
    });
    if (exists && half.lane == 0) loss[r] = sum;
  });
}

// Integers of 32 or 64 bits.
class Labels {
 public:
  FF_DEV Labels(const BoundRef& r, const StepState& state)
      : short_(r, state), long_(r, state), is_short_(r.dtype == DType::i32) {}
  FF_DEV int64_t operator[](int64_t k) const { return is_short_ ? short_[k] : long_[k]; }

 private:
  Line<const int32_t> short_;
  Line<const int64_t> long_;
  bool is_short_;
};

// in = {logits, integer labels}; a label that is none of the columns makes the loss NaN.
template <class T>
FF_DEV void xent_labels_rows(const BoundOp& op, const StepState& state, const Span& span) {
  const BoundRef& in = op.in[0];
  const Labels label(op.in[1], state);
  const Line<T> loss(op.out[0], state);
  const int64_t cols = cols_of(in, state);
  for_rows(span, [&](const HalfWarp& half, int64_t r, bool exists) {
    const T* z = at<const T>(in, r, 0);
    const int64_t l = label[r];
    const T nan = math::extreme_start<true, T>() - math::extreme_start<true, T>();
    const T at_label = l >= 0 && l < cols ? z[l] : nan;
    const Softmax<T> e(half, z, at<T>(op.out[1], r, 0), cols, exists);
    if (exists && half.lane == 0) loss[r] = math::log(e.sum) - (at_label - e.shift);
  });
}

// in = {p, labels, g}: (p - onehot) * g.
template <class T>
FF_DEV void xent_grad_labels_rows(const BoundOp& op, const StepState& state, const Span& span) {
  const BoundRef &in = op.in[0], &out = op.out[0];
  const Labels label(op.in[1], state);
  const Line<const T> g(op.in[2], state);
  const int64_t cols = cols_of(in, state);
  for_rows(span, [&](const HalfWarp& half, int64_t r, bool exists) {
    if (!exists) return;
    const T* p = at<const T>(in, r, 0);
    T* y = at<T>(out, r, 0);
    const int64_t l = label[r];
#pragma unroll 1
    for (int64_t c = half.lane; c < cols; c += kLanes) {
      y[c] = c == l ? (p[c] - T(1)) * g[r] : p[c] * g[r];
    }
  });
}

// in = {p, t, g}: (p * sum(t) - t) * g.
template <class T>
FF_DEV void xent_grad_dense_rows(const BoundOp& op, const StepState& state, const Span& span) {
  const BoundRef &in = op.in[0], &out = op.out[0];
  const Line<const T> g(op.in[2], state);
  const int64_t cols = cols_of(in, state);
  for_rows(span, [&](const HalfWarp& half, int64_t r, bool exists) {
    const T *p = at<const T>(in, r, 0), *t = at<const T>(op.in[1], r, 0);
    T* y = at<T>(out, r, 0);
    const T sum = half.sum<T>(cols, [=](T acc, int64_t c) { return acc + t[c]; });
    if (!exists) return;
#pragma unroll 1
    for (int64_t c = half.lane; c < cols; c += kLanes) y[c] = (p[c] * sum - t[c]) * g[r];
  });
}

FF_HD bool is_row_op(Op op) {
  return op == Op::Softmax || op == Op::LogSoftmax || op == Op::Xent || op == Op::XentGrad;
}

// One of these ops on rows of a span.
template <class T>
FF_DEV_CALL void row_op(const BoundOp& op, const StepState& state, const Span& span) {
  const DType target = op.inputs > 1 ? op.in[1].dtype : DType::f32;
  switch (op.op) {
    case Op::Softmax:
      return softmax_rows<T>(op, state, span);
    case Op::LogSoftmax:
      return log_softmax_rows<T>(op, state, span);
    case Op::Xent:
      return is_float(target) ? xent_dense_rows<T>(op, state, span)
                              : xent_labels_rows<T>(op, state, span);
    default:
      return is_float(target) ? xent_grad_dense_rows<T>(op, state, span)
                              : xent_grad_labels_rows<T>(op, state, span);
  }
}

}  // namespace feedfwd::gpu
