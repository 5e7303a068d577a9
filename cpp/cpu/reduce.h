// Sums and extremes in the order of numerics rule 2. A row: blocks of 1024, in a block 16 lanes
// joined by a tree, block results joined in rising order. A column: chunks of 384 rows from +0,
// the first chunk's sum stored, later ones added.
#pragma once

#include "core/math/scalar.h"
#include "cpu/elementwise.h"

namespace feedfwd::FF_ISA {

constexpr int64_t kRowBlock = 1024;
constexpr int64_t kRowChunk = 384;

// The elements of an operand in row-major order, one at a time.
template <class T>
struct Line {
  T* p;
  int64_t width, row_stride, col_stride;

  FF_INLINE Line(const BoundRef& r, const StepState& s)
      : p(reinterpret_cast<T*>(r.data)),
        width(cols_of(r, s)),
        row_stride(r.row_stride),
        col_stride(r.col_stride) {
    const int64_t rows = rows_of(r, s);
    if (width == 1 && rows != 1) {  // a column is a row of that stride
      width = rows;
      col_stride = row_stride;
    }
  }
  FF_INLINE T& operator[](int64_t k) const {
    if (k < width) return p[k * col_stride];
    return p[k / width * row_stride + k % width * col_stride];
  }
};

// Sum over i of term(i) for i in [0, n): term gives a Pack16 of elements i .. i + 15, its second
// argument how many of them exist (absent ones +0).
template <class T, class Term>
FF_INLINE T row_sum(int64_t n, Term accumulate) {
  T total = 0;
  for (int64_t block = 0; block < n; block += kRowBlock) {
    const int64_t end = smaller(n, block + kRowBlock);
    Pack16<T> lanes(T(0));
    int64_t i = block;
    for (; i + 16 <= end; i += 16) lanes = accumulate(lanes, i, 16);
    if (i < end) lanes = accumulate(lanes, i, static_cast<int>(end - i));
    const T sum = lanes.tree_sum();
    total = block == 0 ? sum : total + sum;
  }
  return total;
}

template <class T>
FF_INLINE Pack16<T> load16(const T* p, int n) {
  return n == 16 ? Pack16<T>::load(p) : Pack16<T>::load(p, n);
}

template <class T>
struct Adding {
  const T* x;
  FF_INLINE Pack16<T> operator()(Pack16<T> lanes, int64_t i, int n) const {
    return lanes + load16(x + i, n);
  }
};
// Of squares, in float64 whatever the dtype.
template <class T>
struct AddingSquares {
  const T* x;
  FF_INLINE Pack16<double> operator()(Pack16<double> lanes, int64_t i, int n) const {
    double wide[16] = {};
    for (int k = 0; k < n; ++k) wide[k] = x[i + k];
    const Pack16<double> v = Pack16<double>::load(wide);
    return fma(v, v, lanes);
  }
};

// As math::Extreme, of vectors.
template <bool Max, class V>
FF_INLINE V extreme(V a, V b) {
  if constexpr (Max) {
    return select((a > b) | (a != a), a, b);
  } else {
    return select((a < b) | (a != a), a, b);
  }
}
// Elements from p on, `n` of them: the first that exist, else `absent`.
template <class T>
FF_INLINE Vec<T> load_or(const T* p, int64_t n, T absent) {
  constexpr int size = Vec<T>::size;
  if (n >= size) return Vec<T>::load(p);
  if (n <= 0) return Vec<T>(absent);
  using Int = IntVec<T>;
  const auto exists = Int::iota(0) < Int(static_cast<typename Int::Lane>(n));
  return select(exists, Vec<T>::load(p, static_cast<int>(n)), Vec<T>(absent));
}

// Lanes over the whole row: joining blocks changes no bit of an extreme that is not a zero, and
// the order here is as fixed as there.
template <bool Max, class T>
FF_INLINE T row_extreme(const T* x, int64_t n) {
  constexpr int size = Vec<T>::size;
  const T start = math::extreme_start<Max, T>();
  Pack16<T> best(start);
  for (int64_t i = 0; i < n; i += 16) {
    for (int r = 0; r < 16 / size; ++r) {
      best.v[r] = extreme<Max>(best.v[r], load_or(x + i + r * size, n - i - r * size, start));
    }
  }
  return best.tree(math::Extreme<Max>{});
}

// Part p's rows of a kernel that works row by row.
FF_INLINE Rect rows_share(const KernelCall& c, int64_t rows) {
  return share_rows(rows, 0, c.part, c.parts);
}

template <class T>
void sum_rows(const KernelCall& c) {
  const BoundRef& in = c.op->in[0];
  const Line<T> out(c.op->out[0], *c.state);
  const int64_t cols = cols_of(in, *c.state);
  const bool partial = c.op->i[3] != 0;  // of a full sum: only the end result loses subnormals
  const Rect q = rows_share(c, rows_of(in, *c.state));
  // Of one element, as all lanes give it: -0 becomes +0.
  if (cols == 1 && in.row_stride == 1 && out.col_stride == 1 && q.row1 <= out.width) {
    return each(at<const T>(in, q.row0, 0), out.p + q.row0, q.row1 - q.row0, [=](auto x) {
      using V = decltype(x);
      const V sum = V(T(0)) + x;
      return partial ? sum : math::keep(sum);
    });
  }
  for (int64_t r = q.row0; r < q.row1; ++r) {
    const T* x = at<const T>(in, r, 0);
    const T sum = cols == 1 ? T(0) + *x : row_sum<T>(cols, Adding<T>{x});
    out[r] = partial ? sum : math::keep(sum);
  }
}

template <class T>
void square_rows(const KernelCall& c) {
  const BoundRef& in = c.op->in[0];
  const Line<double> out(c.op->out[0], *c.state);
  const int64_t cols = cols_of(in, *c.state);
  const Rect q = rows_share(c, rows_of(in, *c.state));
  for (int64_t r = q.row0; r < q.row1; ++r) {
    out[r] = row_sum<double>(cols, AddingSquares<T>{at<const T>(in, r, 0)});
  }
}

template <bool Max, class T>
void extreme_rows(const KernelCall& c) {
  const BoundRef& in = c.op->in[0];
  const Line<T> out(c.op->out[0], *c.state);
  const int64_t cols = cols_of(in, *c.state);
  const Rect q = rows_share(c, rows_of(in, *c.state));
  for (int64_t r = q.row0; r < q.row1; ++r) {
    out[r] = row_extreme<Max>(at<const T>(in, r, 0), cols);
  }
}

}  // namespace feedfwd::FF_ISA
