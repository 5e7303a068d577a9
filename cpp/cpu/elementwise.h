// Walking rectangles of elementwise ops: broadcast operands, strided rows, masked tails.
#pragma once

#include "core/math/numeric.h"
#include "cpu/bound.h"
#include "cpu/simd.h"

namespace feedfwd::FF_ISA {

FF_INLINE int64_t rows_of(const BoundRef& r, const StepState& s) {
  return r.rows_batch ? r.rows_n * s.rows : r.rows_n;
}
FF_INLINE int64_t cols_of(const BoundRef& r, const StepState& s) {
  return r.cols_batch ? r.cols_n * s.rows : r.cols_n;
}
template <class T>
FF_INLINE T* at(const BoundRef& r, int64_t row, int64_t col) {
  return reinterpret_cast<T*>(r.data) + row * r.row_stride + col * r.col_stride;
}
// Rows lie end to end, or one element stands for all.
FF_INLINE bool is_flat(const BoundRef& r, int64_t width) {
  return r.col_stride == 1 ? r.row_stride == width : r.row_stride == 0;
}
FF_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// Makes the rectangle one long row if every operand allows.
FF_INLINE Rect flattened(const BoundOp& op, const StepState& s, Rect q, int operands) {
  const int64_t width = cols_of(op.out[0], s);
  if (q.col0 != 0 || q.col1 != width || q.row1 - q.row0 <= 1) return q;
  for (int k = 0; k < operands; ++k) {
    if (!is_flat(op.in[k], width)) return q;
  }
  for (int k = 0; k < op.outputs; ++k) {
    if (!is_flat(op.out[k], width)) return q;
  }
  q.col1 = (q.row1 - q.row0) * width;
  q.row1 = q.row0 + 1;
  return q;
}

// One row of an operand, read as vectors. An operand that repeats one element is read again and
// again from a vector full of it, so that all operands take the same loop.
template <class T>
struct Reader {
  T splat[Vec<T>::size];
  const T* p;
  int64_t step;

  FF_INLINE void start(const BoundRef& r, int64_t row, int64_t col) {
    p = at<const T>(r, row, col);
    step = r.col_stride;
    if (step == 0) {
      Vec<T>(*p).store(splat);
      p = splat;
    }
  }
  FF_INLINE Vec<T> get(int64_t i) const { return Vec<T>::load(p + i * step); }
  FF_INLINE Vec<T> get(int64_t i, int n) const { return Vec<T>::load_up_to(p + i * step, n); }
};

// The usual case, short rows too: all operands lie in rows as the result does.
template <class F>
FF_INLINE void adjacent_rows(const F& f, const BoundOp& op, Rect q) {
  using T = typename F::Scalar;
  constexpr int size = Vec<T>::size;
  const int64_t n = q.col1 - q.col0, full = n / size * size;
  const int left = static_cast<int>(n - full);
  const T* in[F::inputs];
  int64_t step[F::inputs];
  for (int k = 0; k < F::inputs; ++k) {
    in[k] = at<const T>(op.in[k], q.row0, q.col0);
    step[k] = op.in[k].row_stride;
  }
  T* out = at<T>(op.out[0], q.row0, q.col0);
  Vec<T> x[F::inputs];
  for (int64_t r = q.row0; r < q.row1; ++r, out += op.out[0].row_stride) {
    for (int64_t i = 0; i < full; i += size) {
      for (int k = 0; k < F::inputs; ++k) x[k] = Vec<T>::load(in[k] + i);
      f(x).store(out + i);
    }
    if (left > 0) {
      for (int k = 0; k < F::inputs; ++k) x[k] = Vec<T>::load(in[k] + full, left);
      f(x).store(out + full, left);
    }
    for (int k = 0; k < F::inputs; ++k) in[k] += step[k];
  }
}

// Operands of any kind, whole vectors and the rest, in one loop with one copy of f: beside a long f
// its branches are nothing.
template <class F>
FF_INLINE void any_rows(const F& f, const BoundOp& op, Rect q) {
  using T = typename F::Scalar;
  constexpr int size = Vec<T>::size;
  const int64_t n = q.col1 - q.col0;
  for (int64_t r = q.row0; r < q.row1; ++r) {
    Reader<T> in[F::inputs];
    for (int k = 0; k < F::inputs; ++k) in[k].start(op.in[k], r, q.col0);
    T* out = at<T>(op.out[0], r, q.col0);
    Vec<T> x[F::inputs];
    for (int64_t i = 0; i < n; i += size) {
      const int count = static_cast<int>(smaller(n - i, size));
      for (int k = 0; k < F::inputs; ++k) x[k] = in[k].get(i, count);
      f(x).store_up_to(out + i, count);
    }
  }
}

// F: Scalar, inputs, brief (few instructions), F(op, state), and operator()(const Vec<Scalar>* x)
// for one vector of results.
template <class F>
void vector_rect(const BoundOp& op, const StepState& state, Rect rect) {
  const F f(op, state);
  const Rect q = flattened(op, state, rect, F::inputs);
  if constexpr (F::brief) {
    bool adjacent = true;
    for (int k = 0; k < F::inputs; ++k) adjacent = adjacent && op.in[k].col_stride == 1;
    if (adjacent) return adjacent_rows(f, op, q);
  }
  any_rows(f, op, q);
}

template <class F, class A, class B, class C, class O>
FF_INLINE void scalar_row(const A* a, int64_t da, const B* b, int64_t db, const C* c, int64_t dc,
                          O* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = F::apply(a[i * da], b[i * db], c[i * dc]);
}

// Any mixture of types, one element at a time. F::apply takes three operands; where an op has
// fewer, the first stands in for the absent ones.
template <class F, class A, class B, class C, class O>
void scalar_rect(const BoundOp& op, const StepState& state, Rect rect) {
  const Rect q = flattened(op, state, rect, op.inputs);
  const BoundRef& ra = op.in[0];
  const BoundRef& rb = op.in[op.inputs > 1 ? 1 : 0];
  const BoundRef& rc = op.in[op.inputs > 2 ? 2 : 0];
  const int64_t n = q.col1 - q.col0;
  const bool adjacent = ra.col_stride == 1 && rb.col_stride == 1 && rc.col_stride == 1;
  for (int64_t r = q.row0; r < q.row1; ++r) {
    const A* a = at<const A>(ra, r, q.col0);
    const B* b = at<const B>(rb, r, q.col0);
    const C* c = at<const C>(rc, r, q.col0);
    O* out = at<O>(op.out[0], r, q.col0);
    if (adjacent) {
      scalar_row<F>(a, 1, b, 1, c, 1, out, n);
    } else {
      scalar_row<F>(a, ra.col_stride, b, rb.col_stride, c, rc.col_stride, out, n);
    }
  }
}

}  // namespace feedfwd::FF_ISA
