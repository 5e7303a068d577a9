// Walking rectangles of elementwise ops: broadcast operands, strided rows, masked tails.
#pragma once

#include "core/math/numeric.h"
#include "cpu/bound.h"
#include "cpu/pair.h"

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

// What goes through a function at once. Without an fma instruction every fma is a call.
#if defined(FF_ISA_GENERIC)
template <class T>
using Wide = Vec<T>;
#else
template <class T>
using Wide = Pair<Pair<Vec<T>>>;
#endif

// One row of an operand, read as vectors. An operand that repeats one element is read again and
// again from a vector full of it, so that all operands take the same loop.
template <class T>
struct Reader {
  T splat[Vec<T>::size];
  const T* p;
  int64_t step;

  Reader() = default;
  Reader(const Reader&) = delete;  // p may point to splat

  FF_INLINE void start(const BoundRef& r, int64_t row, int64_t col) {
    p = at<const T>(r, row, col);
    step = r.col_stride;
    if (step == 0) {
      Vec<T>(*p).store(splat);
      p = splat;
    }
  }
  FF_INLINE Vec<T> get(int64_t i) const { return Vec<T>::load(p + i * step); }
  FF_INLINE void get(int64_t i, Vec<T>& to) const { to = get(i); }
  template <class X>
  FF_INLINE void get(int64_t i, Pair<X>& to) const {
    get(i, to.a);
    get(i + X::size, to.b);
  }
  FF_INLINE Vec<T> get(int64_t i, int n) const { return Vec<T>::load_up_to(p + i * step, n); }
};

// One row of any length: f(x) -> y for all elements of x.
template <class T, class F>
FF_INLINE void each(const T* x, T* y, int64_t n, F f) {
  constexpr int size = Vec<T>::size;
  int64_t i = 0;
  if constexpr (Wide<T>::size > size) {
    for (; i + Wide<T>::size <= n; i += Wide<T>::size) f(Wide<T>::load(x + i)).store(y + i);
  }
  for (; i + size <= n; i += size) f(Vec<T>::load(x + i)).store(y + i);
  if (i < n) {
    const int left = static_cast<int>(n - i);
    f(Vec<T>::load(x + i, left)).store(y + i, left);
  }
}

// f of one operand or two, for a V of results; or for the first n of them, the others being +0.
template <class V, class F, class T>
FF_INLINE V apply(const F& f, const T* a, const T* b) {
  if constexpr (F::inputs == 1) {
    return f(V::load(a));
  } else {
    return f(V::load(a), V::load(b));
  }
}
template <class F, class T>
FF_INLINE Vec<T> apply(const F& f, const T* a, const T* b, int n) {
  if constexpr (F::inputs == 1) {
    return f(Vec<T>::load(a, n));
  } else {
    return f(Vec<T>::load(a, n), Vec<T>::load(b, n));
  }
}

// The usual case, short rows too: all operands lie in rows as the result does.
template <class F>
FF_INLINE void adjacent_rows(const F& f, const BoundOp& op, Rect q) {
  using T = typename F::Scalar;
  constexpr int size = Vec<T>::size;
  const int64_t n = q.col1 - q.col0, full = n / size * size,
                wide = n / Wide<T>::size * Wide<T>::size;
  const int left = static_cast<int>(n - full);
  const BoundRef &first = op.in[0], &last = op.in[F::inputs - 1];
  const T *a = at<const T>(first, q.row0, q.col0), *b = at<const T>(last, q.row0, q.col0);
  T* out = at<T>(op.out[0], q.row0, q.col0);
  int64_t done = 0;
  if constexpr (F::inputs == 2 && Wide<T>::size > size) {
    if (last.row_stride == 0 && q.row1 - q.row0 > 1) {
      // One row for all, a bias: its numbers stay in registers.
      for (; done < wide; done += Wide<T>::size) {
        const auto y = Wide<T>::load(b + done);
        const T* x = a + done;
        T* to = out + done;
        for (int64_t r = q.row0; r < q.row1; ++r) {
          f(Wide<T>::load(x), y).store(to);
          x += first.row_stride;
          to += op.out[0].row_stride;
        }
      }
      if (done == n) return;
    }
  }
  for (int64_t r = q.row0; r < q.row1; ++r) {
    int64_t i = done;
    if constexpr (Wide<T>::size > size) {
      for (; i < wide; i += Wide<T>::size) apply<Wide<T>>(f, a + i, b + i).store(out + i);
    }
    for (; i < full; i += size) apply<Vec<T>>(f, a + i, b + i).store(out + i);
    if (left > 0) apply(f, a + i, b + i, left).store(out + i, left);
    a += first.row_stride;
    b += last.row_stride;
    out += op.out[0].row_stride;
  }
}

// Operands of any kind. What is left of a row goes vector by vector with one copy of f, whole or
// not: beside a long f the branches are nothing.
template <class F>
FF_INLINE void any_rows(const F& f, const BoundOp& op, Rect q) {
  using T = typename F::Scalar;
  constexpr int size = Vec<T>::size;
  const int64_t n = q.col1 - q.col0;
  for (int64_t r = q.row0; r < q.row1; ++r) {
    Reader<T> a, b;  // b of two operands
    a.start(op.in[0], r, q.col0);
    if constexpr (F::inputs > 1) b.start(op.in[1], r, q.col0);
    T* out = at<T>(op.out[0], r, q.col0);
    int64_t i = 0;
    if constexpr (Wide<T>::size > size) {
      for (; i + Wide<T>::size <= n; i += Wide<T>::size) {
        Wide<T> x, y;
        a.get(i, x);
        if constexpr (F::inputs == 1) {
          f(x).store(out + i);
        } else {
          b.get(i, y);
          f(x, y).store(out + i);
        }
      }
    }
    for (; i < n; i += size) {
      const int count = static_cast<int>(smaller(n - i, size));
      if constexpr (F::inputs == 1) {
        f(a.get(i, count)).store_up_to(out + i, count);
      } else {
        f(a.get(i, count), b.get(i, count)).store_up_to(out + i, count);
      }
    }
  }
}

// F: Scalar, inputs (1 or 2), brief (few instructions), F(op, state), and operator() of so many V
// for a V of results, V being Vec<Scalar> or Wide<Scalar>.
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
