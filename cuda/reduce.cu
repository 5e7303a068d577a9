// Sums and extremes in the order of numerics rule 2, of rows, over rows, and of everything (rows
// first, then that column); argmax.
#include "cuda/call.h"
#include "cuda/launch.h"
#include "cuda/sums.h"

namespace feedfwd::gpu {

namespace {

constexpr int kBlock = 128;

template <class T>
FF_KERNEL sum_rows_kernel(Job job, const StepState* state) {
  if (is_over(*state)) return;
  sum_rows<T>(job, *state, of_grid(rows_of(job.in, *state)));
}

// In float64 whatever the dtype.
template <class T>
FF_KERNEL square_rows_kernel(Job job, const StepState* state) {
  if (is_over(*state)) return;
  const Line<double> out(job.out, *state);
  const int64_t cols = cols_of(job.in, *state);
  for_rows(of_grid(rows_of(job.in, *state)), [&](const HalfWarp& half, int64_t r, bool exists) {
    const T* x = at<const T>(job.in, r, 0);
    const double sum = half.sum<double>(cols, [=](double acc, int64_t c) {
      const double v = x[c];
      return math::fma(v, v, acc);
    });
    if (exists && half.lane == 0) out[r] = sum;
  });
}

template <bool Max, class T>
FF_KERNEL extreme_rows_kernel(Job job, const StepState* state) {
  if (is_over(*state)) return;
  extreme_rows<Max, T>(job, *state, of_grid(rows_of(job.in, *state)));
}

template <class T>
FF_KERNEL sum_chunks_kernel(Job job, T* chunks_to, const StepState* state) {
  if (is_over(*state)) return;
  sum_chunks(job, chunks_to, *state, grid_thread(), grid_threads());
}

template <class T>
FF_KERNEL join_chunks_kernel(Job job, const T* chunks_from, const StepState* state) {
  if (is_over(*state)) return;
  join_chunks(job, chunks_from, *state, grid_thread(), grid_threads());
}

template <bool Max, class T>
FF_KERNEL extreme_columns_kernel(Job job, const StepState* state) {
  if (is_over(*state)) return;
  const Line<T> out(job.out, *state);
  const int64_t rows = rows_of(job.in, *state), cols = cols_of(job.in, *state);
  const math::Extreme<Max> join;
  for (int64_t col = grid_thread(); col < cols; col += grid_threads()) {
    T best = math::extreme_start<Max, T>();
    for (int64_t r = 0; r < rows; ++r) best = join(best, *at<const T>(job.in, r, col));
    out[col] = best;
  }
}

// Integers: exact in any order.
template <class F, class T>
FF_KERNEL integer_kernel(Job job, bool columns, T start, const StepState* state) {
  if (is_over(*state)) return;
  const Line<T> out(job.out, *state);
  const int64_t rows = rows_of(job.in, *state), cols = cols_of(job.in, *state);
  const int64_t results = columns ? cols : rows, each = columns ? rows : cols;
  for (int64_t i = grid_thread(); i < results; i += grid_threads()) {
    T acc = start;
    for (int64_t k = 0; k < each; ++k) {
      acc = F::apply(acc, columns ? *at<const T>(job.in, k, i) : *at<const T>(job.in, i, k), acc);
    }
    out[i] = acc;
  }
}

template <class T>
FF_KERNEL argmax_kernel(Job job, bool columns, const StepState* state) {
  if (is_over(*state)) return;
  const int64_t rows = rows_of(job.in, *state);
  if (!columns) return argmax_rows<T>(job, *state, of_grid(rows));
  const Line<int64_t> out(job.out, *state);
  for (int64_t c = grid_thread(); c < cols_of(job.in, *state); c += grid_threads())
    out[c] = place_of_largest(at<const T>(job.in, 0, c), rows, job.in.row_stride);
}

struct Sizes {
  int64_t rows, cols;
  Sizes(const BoundRef& in, int64_t capacity)
      : rows(most_rows(in, capacity)), cols(most_cols(in, capacity)) {}
  int64_t chunks() const { return rows > 0 ? (rows + kRowChunk - 1) / kRowChunk : 1; }
};

template <class... P, class... A>
void over_rows(const Call& call, int64_t rows, void (*kernel)(P...), A... arguments) {
  if (rows == 0) return;
  launch(kernel, blocks_for(rows * kLanes, kRowThreads), kRowThreads, 0, call.stream, arguments...);
}
template <class... P, class... A>
void over_elements(const Call& call, int64_t work, void (*kernel)(P...), A... arguments) {
  if (work == 0) return;
  launch(kernel, blocks_for(work, kBlock), kBlock, 0, call.stream, arguments...);
}

// `scratch`: of chunk sums, where there may be more than one chunk.
template <class T>
void sum_columns(const Call& call, const Job& job, char* scratch) {
  const Sizes size(job.in, call.capacity);
  T* const chunks = size.chunks() > 1 ? reinterpret_cast<T*>(scratch) : nullptr;
  over_elements(call, size.cols * size.chunks(), sum_chunks_kernel<T>, job, chunks, call.state);
  if (chunks) over_elements(call, size.cols, join_chunks_kernel<T>, job, chunks, call.state);
}

template <class T>
void columns_of(const Call& call, Op op, const Job& job, char* scratch) {
  const int64_t cols = most_cols(job.in, call.capacity);
  if (op == Op::ReduceMax) {
    over_elements(call, cols, extreme_columns_kernel<true, T>, job, call.state);
  } else if (op == Op::ReduceMin) {
    over_elements(call, cols, extreme_columns_kernel<false, T>, job, call.state);
  } else {
    sum_columns<T>(call, job, scratch);
  }
}

template <class T>
void rows_reduced(const Call& call, Op op, const Job& job) {
  const int64_t rows = most_rows(job.in, call.capacity);
  if (op == Op::ReduceMax) {
    over_rows(call, rows, extreme_rows_kernel<true, T>, job, call.state);
  } else if (op == Op::ReduceMin) {
    over_rows(call, rows, extreme_rows_kernel<false, T>, job, call.state);
  } else if (op == Op::SumSquares) {
    over_rows(call, rows, square_rows_kernel<T>, job, call.state);
  } else {
    over_rows(call, rows, sum_rows_kernel<T>, job, call.state);
  }
}

// A column of what each row gave, at the start of the scratch memory.
BoundRef column_of(const BoundRef& in, DType dtype, char* scratch) {
  return {scratch, in.rows_n, 1, 1, 1, in.rows_batch, false, dtype};
}
int64_t column_bytes(const BoundRef& in, int64_t capacity) {
  return round_up(checked_mul(most_rows(in, capacity), 8), 256);
}

template <class T>
void launch_reduction(const Call& call) {
  const BoundOp& op = *call.host;
  Job job{op.in[0], op.out[0], false};
  if (op.op != Op::SumSquares && op.i[2] == 0) return rows_reduced<T>(call, op.op, job);
  if (op.op != Op::SumSquares && op.i[2] == 1) return columns_of<T>(call, op.op, job, call.scratch);
  const BoundRef column = column_of(job.in, job.out.dtype, call.scratch);
  char* const rest = call.scratch + column_bytes(job.in, call.capacity);
  rows_reduced<T>(call, op.op, {job.in, column, true});
  if (op.op == Op::SumSquares) return sum_columns<double>(call, {column, job.out, false}, rest);
  columns_of<T>(call, op.op, {column, job.out, false}, rest);
}

template <class F, class T>
void integers(const Call& call, const Job& job, bool columns, T start) {
  const Sizes size(job.in, call.capacity);
  over_elements(call, columns ? size.cols : size.rows, integer_kernel<F, T>, job, columns, start,
                call.state);
}

template <class T>
void integers_by(const Call& call, const Job& job, bool columns) {
  switch (call.host->op) {
    case Op::ReduceMax:
      return integers<math::IntMaximum<T>, T>(call, job, columns, math::kLowest<T>);
    case Op::ReduceMin:
      return integers<math::IntMinimum<T>, T>(call, job, columns, math::kHighest<T>);
    default:
      return integers<math::IntAdd<T>, T>(call, job, columns, T(0));
  }
}

template <class T>
void launch_integers(const Call& call) {
  const BoundOp& op = *call.host;
  const Job job{op.in[0], op.out[0], false};
  if (op.i[2] != 2) return integers_by<T>(call, job, op.i[2] == 1);
  const BoundRef column = column_of(job.in, job.out.dtype, call.scratch);
  integers_by<T>(call, {job.in, column, true}, false);
  integers_by<T>(call, {column, job.out, false}, true);
}

template <class T>
void launch_argmax(const Call& call) {
  const BoundOp& op = *call.host;
  const Sizes size(op.in[0], call.capacity);
  const bool columns = op.i[2] == 1;
  over_elements(call, columns ? size.cols : size.rows, argmax_kernel<T>,
                Job{op.in[0], op.out[0], false}, columns, call.state);
}

}  // namespace

Launcher find_reduction(const BoundOp& op) {
  const bool argmax = op.op == Op::ArgMax;
  switch (op.in[0].dtype) {
    case DType::f32:
      return argmax ? launch_argmax<float> : launch_reduction<float>;
    case DType::f64:
      return argmax ? launch_argmax<double> : launch_reduction<double>;
    default:
      break;
  }
  if (op.op == Op::SumSquares) return nullptr;
  switch (op.in[0].dtype) {
    case DType::i32:
      return argmax ? launch_argmax<int32_t> : launch_integers<int32_t>;
    case DType::i64:
      return argmax ? launch_argmax<int64_t> : launch_integers<int64_t>;
    case DType::b8:
      return argmax ? launch_argmax<uint8_t> : launch_integers<uint8_t>;
    default:
      return nullptr;
  }
}

int64_t reduction_scratch(const BoundOp& op, int64_t capacity) {
  const bool everything = op.op == Op::SumSquares || op.i[2] == 2;
  if (!everything && op.i[2] == 0) return 0;
  const Sizes size(op.in[0], capacity);
  const int64_t cols = everything ? 1 : size.cols;
  const int64_t chunks = size.chunks() > 1 ? checked_mul(checked_mul(cols, size.chunks()), 8) : 0;
  return checked_add(everything ? column_bytes(op.in[0], capacity) : 0, chunks);
}

}  // namespace feedfwd::gpu
