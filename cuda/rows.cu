// Softmax, cross-entropy, one-hot: each row by itself.
#include "core/math/elementary.h"
#include "cuda/call.h"
#include "cuda/half_warps.h"
#include "cuda/launch.h"

namespace feedfwd::gpu {

namespace {

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
    for (int64_t c = half.lane; c < n; c += kLanes) p[c] = math::keep(math::exp(z[c] - by) / sum);
  }
};

template <class T>
FF_KERNEL softmax_kernel(const BoundOp* op, const StepState* state) {
  if (is_over(*state)) return;
  const BoundRef &in = op->in[0], &out = op->out[0];
  const int64_t cols = cols_of(in, *state);
  for_rows(rows_of(in, *state), [&](const HalfWarp& half, int64_t r, bool exists) {
    Softmax<T>(half, at<const T>(in, r, 0), at<T>(out, r, 0), cols, exists);
  });
}

template <class T>
FF_KERNEL log_softmax_kernel(const BoundOp* op, const StepState* state) {
  if (is_over(*state)) return;
  const BoundRef &in = op->in[0], &out = op->out[0];
  const int64_t cols = cols_of(in, *state);
  for_rows(rows_of(in, *state), [&](const HalfWarp& half, int64_t r, bool exists) {
    const T* z = at<const T>(in, r, 0);
    T* y = at<T>(out, r, 0);
    const T shift = half.extreme<true>(z, cols);
    const T sum =
        half.sum<T>(cols, [=](T acc, int64_t c) { return acc + math::exp(z[c] - shift); });
    const T log_sum = math::log(sum);
    if (!exists) return;
    for (int64_t c = half.lane; c < cols; c += kLanes) y[c] = (z[c] - shift) - log_sum;
  });
}

// in = {logits, probabilities}, out = {loss, p}. Sum of t * (lse - (z - shift)), by fma; t = 0 adds
// nothing, even where the logit is infinite.
template <class T>
FF_KERNEL xent_dense_kernel(const BoundOp* op, const StepState* state) {
  if (is_over(*state)) return;
  const BoundRef& in = op->in[0];
  const Line<T> loss(op->out[0], *state);
  const int64_t cols = cols_of(in, *state);
  for_rows(rows_of(in, *state), [&](const HalfWarp& half, int64_t r, bool exists) {
    const T *z = at<const T>(in, r, 0), *t = at<const T>(op->in[1], r, 0);
    const Softmax<T> e(half, z, at<T>(op->out[1], r, 0), cols, exists);
    const T shift = e.shift, lse = math::log(e.sum);
    const T sum = half.sum<T>(cols, [=](T acc, int64_t c) {
      return t[c] == 0 ? acc : math::fma(t[c], lse - (z[c] - shift), acc);
    });
    if (exists && half.lane == 0) loss[r] = sum;
  });
}

// in = {logits, integer labels}; a label that is none of the columns makes the loss NaN.
template <class T, class L>
FF_KERNEL xent_labels_kernel(const BoundOp* op, const StepState* state) {
  if (is_over(*state)) return;
  const BoundRef& in = op->in[0];
  const Line<const L> label(op->in[1], *state);
  const Line<T> loss(op->out[0], *state);
  const int64_t cols = cols_of(in, *state);
  for_rows(rows_of(in, *state), [&](const HalfWarp& half, int64_t r, bool exists) {
    const T* z = at<const T>(in, r, 0);
    const int64_t l = label[r];
    const T nan = math::extreme_start<true, T>() - math::extreme_start<true, T>();
    const T at_label = l >= 0 && l < cols ? z[l] : nan;
    const Softmax<T> e(half, z, at<T>(op->out[1], r, 0), cols, exists);
    if (exists && half.lane == 0) loss[r] = math::log(e.sum) - (at_label - e.shift);
  });
}

// in = {p, labels, g}: (p - onehot) * g.
template <class T, class L>
FF_KERNEL xent_grad_labels_kernel(const BoundOp* op, const StepState* state) {
  if (is_over(*state)) return;
  const BoundRef &in = op->in[0], &out = op->out[0];
  const Line<const L> label(op->in[1], *state);
  const Line<const T> g(op->in[2], *state);
  const int64_t cols = cols_of(in, *state);
  for_rows(rows_of(in, *state), [&](const HalfWarp& half, int64_t r, bool exists) {
    if (!exists) return;
    const T* p = at<const T>(in, r, 0);
    T* y = at<T>(out, r, 0);
    const int64_t l = label[r];
    for (int64_t c = half.lane; c < cols; c += kLanes) {
      y[c] = c == l ? (p[c] - T(1)) * g[r] : p[c] * g[r];
    }
  });
}

// in = {p, t, g}: (p * sum(t) - t) * g.
template <class T>
FF_KERNEL xent_grad_dense_kernel(const BoundOp* op, const StepState* state) {
  if (is_over(*state)) return;
  const BoundRef &in = op->in[0], &out = op->out[0];
  const Line<const T> g(op->in[2], *state);
  const int64_t cols = cols_of(in, *state);
  for_rows(rows_of(in, *state), [&](const HalfWarp& half, int64_t r, bool exists) {
    const T *p = at<const T>(in, r, 0), *t = at<const T>(op->in[1], r, 0);
    T* y = at<T>(out, r, 0);
    const T sum = half.sum<T>(cols, [=](T acc, int64_t c) { return acc + t[c]; });
    if (!exists) return;
    for (int64_t c = half.lane; c < cols; c += kLanes) y[c] = (p[c] * sum - t[c]) * g[r];
  });
}

// Labels outside 0 .. depth - 1 give a row of zeros.
template <class L, class T>
FF_KERNEL one_hot_kernel(const BoundOp* op, const StepState* state) {
  if (is_over(*state)) return;
  const BoundRef& out = op->out[0];
  const Line<const L> label(op->in[0], *state);
  const int64_t depth = cols_of(out, *state), total = rows_of(out, *state) * depth;
  for (int64_t i = grid_thread(); i < total; i += grid_threads()) {
    const int64_t r = i / depth, c = i % depth;
    *at<T>(out, r, c) = label[r] == c ? T(1) : T(0);
  }
}

using Kernel = void (*)(const BoundOp*, const StepState*);

template <Kernel kernel>
void launch_rows(const Call& call) {
  const int64_t rows = most_rows(call.host->in[0], call.capacity);
  if (rows == 0 || most_cols(call.host->in[0], call.capacity) == 0) return;
  launch(kernel, blocks_for(rows * kLanes, kRowThreads), kRowThreads, 0, call.stream, call.device,
         call.state);
}

template <Kernel kernel>
void launch_elements(const Call& call) {
  const BoundRef& out = call.host->out[0];
  const int64_t work = most_rows(out, call.capacity) * most_cols(out, call.capacity);
  if (work == 0) return;
  launch(kernel, blocks_for(work, kRowThreads), kRowThreads, 0, call.stream, call.device,
         call.state);
}

template <class L>
Launcher find_one_hot(DType out) {
  switch (out) {
    case DType::f32:
      return launch_elements<one_hot_kernel<L, float>>;
    case DType::f64:
      return launch_elements<one_hot_kernel<L, double>>;
    case DType::i32:
      return launch_elements<one_hot_kernel<L, int32_t>>;
    case DType::i64:
      return launch_elements<one_hot_kernel<L, int64_t>>;
    case DType::b8:
      return launch_elements<one_hot_kernel<L, uint8_t>>;
    default:
      return nullptr;
  }
}

template <class T>
Launcher find_float(const BoundOp& op) {
  const DType target = op.inputs > 1 ? op.in[1].dtype : DType::f32;
  switch (op.op) {
    case Op::Softmax:
      return launch_rows<softmax_kernel<T>>;
    case Op::LogSoftmax:
      return launch_rows<log_softmax_kernel<T>>;
    case Op::Xent:
      if (target == DType::i32) return launch_rows<xent_labels_kernel<T, int32_t>>;
      if (target == DType::i64) return launch_rows<xent_labels_kernel<T, int64_t>>;
      return launch_rows<xent_dense_kernel<T>>;
    case Op::XentGrad:
      if (target == DType::i32) return launch_rows<xent_grad_labels_kernel<T, int32_t>>;
      if (target == DType::i64) return launch_rows<xent_grad_labels_kernel<T, int64_t>>;
      return launch_rows<xent_grad_dense_kernel<T>>;
    default:
      return nullptr;
  }
}

}  // namespace

Launcher find_row_op(const BoundOp& op) {
  if (op.op == Op::OneHot) {
    return op.in[0].dtype == DType::i64 ? find_one_hot<int64_t>(op.out[0].dtype)
                                        : find_one_hot<int32_t>(op.out[0].dtype);
  }
  if (op.in[0].dtype == DType::f32) return find_float<float>(op);
  if (op.in[0].dtype == DType::f64) return find_float<double>(op);
  return nullptr;
}

}  // namespace feedfwd::gpu
