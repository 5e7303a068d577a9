// Ops that move elements and compute nothing: T is any type of the element's size.
#include "cuda/call.h"
#include "cuda/launch.h"

namespace feedfwd::gpu {

namespace {

constexpr int kBlock = 256;

// The parts lie side by side as columns.
template <class T>
FF_KERNEL concat_kernel(const BoundOp* op, const StepState* state) {
  if (is_over(*state)) return;
  const StepState& s = *state;
  int64_t to = 0;
  for (int k = 0; k < op->inputs; ++k) {
    const BoundRef& in = op->in[k];
    const int64_t cols = cols_of(in, s), total = rows_of(in, s) * cols;
    for (int64_t i = grid_thread(); i < total; i += grid_threads()) {
      *at<T>(op->out[0], i / cols, to + i % cols) = *at<const T>(in, i / cols, i % cols);
    }
    to += cols;
  }
}

// A tensor of the shape in attrs as rows (all axes but the last) x columns.
struct Dims {
  int rank;
  int64_t d[kMaxRank];
  int64_t row_stride;

  FF_DEV Dims(const BoundOp& op, const BoundRef& ref, const StepState& s) : rank(op.rank) {
    for (int k = 0; k < rank; ++k) d[k] = op.dims[k];
    if (op.shape_batch) d[0] *= s.rows;
    row_stride = cols_of(ref, s) == d[rank - 1] ? ref.row_stride : d[rank - 1];
  }
  FF_DEV int64_t product(int from, int to) const {
    int64_t n = 1;
    for (int k = from; k < to; ++k) n *= d[k];
    return n;
  }
};

// Axis i[0] of the whole, whose shape attrs hold: elements i[1], i[1] + i[2], ..., `count` of them.
struct Slicing {
  int axis;
  int64_t start, step, count, inner, cols, part_cols, part_stride;

  FF_DEV Slicing(const BoundOp& op, const Dims& full, const BoundRef& part, int64_t n,
                 const StepState& s)
      : axis(static_cast<int>(op.i[0])), start(op.i[1]), step(op.i[2]), count(n) {
    const bool last = axis == full.rank - 1;
    inner = last ? 1 : full.product(axis + 1, full.rank - 1);
    cols = full.d[full.rank - 1];
    part_cols = last ? count : cols;
    part_stride = cols_of(part, s) == part_cols ? part.row_stride : part_cols;
  }
  FF_DEV int64_t elements(const Dims& full) const {
    return (axis == full.rank - 1 ? full.product(0, axis) : full.product(0, axis) * count * inner) *
           part_cols;
  }
  // Where element i of the part lies in it, and in the whole.
  FF_DEV int64_t in_part(int64_t i) const { return i / part_cols * part_stride + i % part_cols; }
  FF_DEV int64_t in_whole(const Dims& full, int64_t i) const {
    const int64_t row = i / part_cols, col = i % part_cols;
    if (axis == full.rank - 1) return row * full.row_stride + start + col * step;
    const int64_t block = row / inner;
    const int64_t at = block / count * full.d[axis] + start + block % count * step;
    return (at * inner + row % inner) * full.row_stride + col;
  }
};

template <class T>
FF_KERNEL slice_kernel(const BoundOp* op, const StepState* state) {
  if (is_over(*state)) return;
  const Dims full(*op, op->in[0], *state);
  const Slicing slicing(*op, full, op->out[0], op->i[3], *state);
  const T* whole = at<const T>(op->in[0], 0, 0);
  T* part = at<T>(op->out[0], 0, 0);
  const int64_t n = slicing.elements(full);
  for (int64_t i = grid_thread(); i < n; i += grid_threads()) {
    part[slicing.in_part(i)] = whole[slicing.in_whole(full, i)];
  }
}

template <class T>
FF_KERNEL zero_kernel(const BoundOp* op, const StepState* state) {
  if (is_over(*state)) return;
  const Dims full(*op, op->out[0], *state);
  T* whole = at<T>(op->out[0], 0, 0);
  const int64_t cols = full.d[full.rank - 1], n = full.product(0, full.rank);
  for (int64_t i = grid_thread(); i < n; i += grid_threads()) {
    whole[i / cols * full.row_stride + i % cols] = T(0);
  }
}

// After zero_kernel: in[0] written where Slice would read.
template <class T>
FF_KERNEL slice_grad_kernel(const BoundOp* op, const StepState* state) {
  if (is_over(*state)) return;
  const Dims full(*op, op->out[0], *state);
  const int64_t extent = full.d[op->i[0]];
  const int64_t others = extent == 0 ? 0 : full.product(0, full.rank) / extent;
  const int64_t elements = rows_of(op->in[0], *state) * cols_of(op->in[0], *state);
  if (others == 0 || elements == 0) return;
  const Slicing slicing(*op, full, op->in[0], elements / others, *state);
  T* whole = at<T>(op->out[0], 0, 0);
  const T* part = at<const T>(op->in[0], 0, 0);
  for (int64_t i = grid_thread(); i < elements; i += grid_threads()) {
    whole[slicing.in_whole(full, i)] = part[slicing.in_part(i)];
  }
}

// Axis k of the result is axis i[k] of the operand, whose shape attrs hold.
template <class T>
FF_KERNEL transpose_kernel(const BoundOp* op, const StepState* state) {
  if (is_over(*state)) return;
  const Dims in(*op, op->in[0], *state);
  int64_t stride[kMaxRank] = {},
          extent[kMaxRank] = {};  // of the operand, in the order of the result
  for (int k = 0; k < in.rank; ++k) {
    const int axis = static_cast<int>(op->i[k]);
    extent[k] = in.d[axis];
    stride[k] = axis == in.rank - 1 ? 1 : in.row_stride * in.product(axis + 1, in.rank - 1);
  }
  const T* x = at<const T>(op->in[0], 0, 0);
  T* y = at<T>(op->out[0], 0, 0);
  const int64_t cols = extent[in.rank - 1], n = in.product(0, in.rank);
  const int64_t y_stride = cols_of(op->out[0], *state) == cols ? op->out[0].row_stride : cols;
  for (int64_t i = grid_thread(); i < n; i += grid_threads()) {
    int64_t from = 0, rest = i;
    for (int k = in.rank - 1; k >= 0; --k) {
      from += rest % extent[k] * stride[k];
      rest /= extent[k];
    }
    y[i / cols * y_stride + i % cols] = x[from];
  }
}

using Kernel = void (*)(const BoundOp*, const StepState*);

void over(const Call& call, const BoundRef& what, Kernel kernel) {
  const int64_t work = most_rows(what, call.capacity) * most_cols(what, call.capacity);
  if (work == 0) return;
  launch(kernel, blocks_for(work, kBlock), kBlock, 0, call.stream, call.device, call.state);
}

template <class T>
void launch_form(const Call& call) {
  const BoundOp& op = *call.host;
  switch (op.op) {
    case Op::Concat:
      return over(call, op.out[0], concat_kernel<T>);
    case Op::Slice:
      return over(call, op.out[0], slice_kernel<T>);
    case Op::SliceGrad:
      over(call, op.out[0], zero_kernel<T>);
      return over(call, op.in[0], slice_grad_kernel<T>);
    default:
      return over(call, op.out[0], transpose_kernel<T>);
  }
}

}  // namespace

Launcher find_form(const BoundOp& op) {
  switch (op.out[0].dtype) {
    case DType::f64:
    case DType::i64:
      return launch_form<uint64_t>;
    case DType::f32:
    case DType::i32:
      return launch_form<uint32_t>;
    case DType::b8:
      return launch_form<uint8_t>;
    default:
      return nullptr;
  }
}

}  // namespace feedfwd::gpu
