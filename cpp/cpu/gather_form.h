// Ops that move elements and compute nothing: T is any type of the element's size.
#pragma once

#include "cpu/elementwise.h"

namespace feedfwd::FF_ISA {

template <class T>
FF_INLINE void copy_row(const T* x, int64_t dx, T* y, int64_t n) {
  if (dx == 1) {
    __builtin_memmove(y, x, static_cast<size_t>(n) * sizeof(T));
  } else {
    for (int64_t k = 0; k < n; ++k) y[k] = x[k * dx];
  }
}

// in[0], perhaps broadcast, to out[0].
template <class T>
void copy_rect(const BoundOp& op, const StepState& state, Rect rect) {
  const Rect q = flattened(op, state, rect, 1);
  for (int64_t r = q.row0; r < q.row1; ++r) {
    copy_row(at<const T>(op.in[0], r, q.col0), op.in[0].col_stride, at<T>(op.out[0], r, q.col0),
             q.col1 - q.col0);
  }
}

// The parts lie side by side as columns.
template <class T>
void concat(const KernelCall& c) {
  int64_t to = 0;
  for (int k = 0; k < c.op->inputs; ++k) {
    const BoundRef& in = c.op->in[k];
    const int64_t cols = cols_of(in, *c.state);
    const Rect q = share(rows_of(in, *c.state), cols, c.part, c.parts);
    for (int64_t r = q.row0; r < q.row1; ++r) {
      copy_row(at<const T>(in, r, q.col0), in.col_stride, at<T>(c.op->out[0], r, to + q.col0),
               q.col1 - q.col0);
    }
    to += cols;
  }
}

// A tensor of the shape in attrs as rows (all axes but the last) x columns.
struct Dims {
  int rank;
  int64_t d[kMaxRank];
  int64_t row_stride;

  FF_INLINE Dims(const BoundOp& op, const BoundRef& ref, const StepState& s) : rank(op.rank) {
    for (int k = 0; k < rank; ++k) d[k] = op.dims[k];
    if (op.shape_batch) d[0] *= s.rows;
    row_stride = cols_of(ref, s) == d[rank - 1] ? ref.row_stride : d[rank - 1];
  }
  FF_INLINE int64_t product(int from, int to) const {
    int64_t n = 1;
    for (int k = from; k < to; ++k) n *= d[k];
    return n;
  }
};

// Slice axis i[0]: elements i[1], i[1] + i[2], ..., i[3] of them. `whole` is the tensor whose
// shape attrs hold, `part` the slice; Back copies the slice into the whole.
template <class T, bool Back>
FF_INLINE void copy_slice(const BoundOp& op, const Dims& full, T* whole, T* part,
                          int64_t part_stride, int64_t count) {
  const int axis = static_cast<int>(op.i[0]);
  const int64_t start = op.i[1], step = op.i[2];
  if (axis == full.rank - 1) {
    const int64_t rows = full.product(0, axis);
    for (int64_t r = 0; r < rows; ++r) {
      T *a = whole + r * full.row_stride + start, *b = part + r * part_stride;
      if (!Back) {
        copy_row(a, step, b, count);
      } else if (step == 1) {
        copy_row(b, 1, a, count);
      } else {
        for (int64_t k = 0; k < count; ++k) a[k * step] = b[k];
      }
    }
    return;
  }
  const int64_t outer = full.product(0, axis), inner = full.product(axis + 1, full.rank - 1);
  const int64_t cols = full.d[full.rank - 1];
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t k = 0; k < count; ++k) {
      for (int64_t i = 0; i < inner; ++i) {
        T* a = whole + ((o * full.d[axis] + start + k * step) * inner + i) * full.row_stride;
        T* b = part + ((o * count + k) * inner + i) * part_stride;
        Back ? copy_row(b, 1, a, cols) : copy_row(a, 1, b, cols);
      }
    }
  }
}

FF_INLINE int64_t slice_stride(const BoundOp& op, const BoundRef& part, const Dims& full,
                               int64_t count, const StepState& s) {
  const int64_t cols = op.i[0] == full.rank - 1 ? count : full.d[full.rank - 1];
  return cols_of(part, s) == cols ? part.row_stride : cols;
}

template <class T>
void slice(const KernelCall& c) {
  if (c.part != 0) return;
  const BoundOp& op = *c.op;
  const Dims full(op, op.in[0], *c.state);
  copy_slice<T, false>(op, full, at<T>(op.in[0], 0, 0), at<T>(op.out[0], 0, 0),
                       slice_stride(op, op.out[0], full, op.i[3], *c.state), op.i[3]);
}

// Zeros of the shape in attrs with in[0] written where Slice would read.
template <class T>
void slice_grad(const KernelCall& c) {
  if (c.part != 0) return;
  const BoundOp& op = *c.op;
  const Dims full(op, op.out[0], *c.state);
  T* whole = at<T>(op.out[0], 0, 0);
  const int64_t cols = full.d[full.rank - 1], rows = full.product(0, full.rank - 1);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t k = 0; k < cols; ++k) whole[r * full.row_stride + k] = T(0);
  }
  const int64_t all = full.product(0, full.rank);
  const int64_t extent = full.d[op.i[0]];
  const int64_t others = extent == 0 ? 0 : all / extent;
  const int64_t elements = rows_of(op.in[0], *c.state) * cols_of(op.in[0], *c.state);
  const int64_t count = others == 0 ? 0 : elements / others;
  copy_slice<T, true>(op, full, whole, at<T>(op.in[0], 0, 0),
                      slice_stride(op, op.in[0], full, count, *c.state), count);
}

// A rows x cols matrix to cols x rows in square blocks that fit the cache.
template <class T>
FF_INLINE void transpose_matrix(const T* x, int64_t dx, T* y, int64_t dy, Rect q) {
  constexpr int64_t block = 16;
  for (int64_t r0 = q.row0; r0 < q.row1; r0 += block) {
    const int64_t r1 = smaller(r0 + block, q.row1);
    for (int64_t c0 = q.col0; c0 < q.col1; c0 += block) {
      const int64_t c1 = smaller(c0 + block, q.col1);
      for (int64_t c = c0; c < c1; ++c) {
        for (int64_t r = r0; r < r1; ++r) y[c * dy + r] = x[r * dx + c];
      }
    }
  }
}

// Axis k of the result is axis i[k] of the operand, whose shape attrs hold.
template <class T>
void transposed(const KernelCall& c) {
  const BoundOp& op = *c.op;
  const Dims in(op, op.in[0], *c.state);
  const T* x = at<const T>(op.in[0], 0, 0);
  T* y = at<T>(op.out[0], 0, 0);
  int64_t stride[kMaxRank], extent[kMaxRank];  // of the operand, in the order of the result
  for (int k = 0; k < in.rank; ++k) {
    const int axis = static_cast<int>(op.i[k]);
    extent[k] = in.d[axis];
    stride[k] = axis == in.rank - 1 ? 1 : in.row_stride * in.product(axis + 1, in.rank - 1);
  }
  const int last = in.rank - 1;
  const int64_t cols = extent[last];
  const int64_t y_stride = cols_of(op.out[0], *c.state) == cols ? op.out[0].row_stride : cols;
  if (in.rank == 2 && op.i[0] == 1) {
    const Rect q = share(in.d[1], in.d[0], c.part, c.parts);
    transpose_matrix(x, in.row_stride, y, y_stride, Rect{q.col0, q.col1, q.row0, q.row1});
    return;
  }
  int64_t rows = 1;
  for (int k = 0; k < last; ++k) rows *= extent[k];
  const Rect mine = share_rows(rows, 0, c.part, c.parts);
  for (int64_t r = mine.row0; r < mine.row1; ++r) {
    int64_t from = 0, rest = r;
    for (int k = last - 1; k >= 0; --k) {
      from += rest % extent[k] * stride[k];
      rest /= extent[k];
    }
    copy_row(x + from, stride[last], y + r * y_stride, cols);
  }
}

}  // namespace feedfwd::FF_ISA
