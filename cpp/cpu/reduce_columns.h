// Reductions over rows, of integers, and argmax.
#pragma once

#include "cpu/reduce.h"

namespace feedfwd::FF_ISA {

// W vectors of columns at once; of one vector the first `n`.
template <class T, int W>
FF_INLINE void column_sums(const T* x, int64_t stride, int64_t rows, T* out, int n = Vec<T>::size) {
  constexpr int size = Vec<T>::size;
  Vec<T> total[W];
  for (int w = 0; w < W; ++w) total[w] = Vec<T>(T(0));
  for (int64_t chunk = 0; chunk < rows; chunk += kRowChunk) {
    const int64_t end = smaller(rows, chunk + kRowChunk);
    Vec<T> acc[W];
    for (int w = 0; w < W; ++w) acc[w] = Vec<T>(T(0));
    for (int64_t r = chunk; r < end; ++r) {
      const T* p = x + r * stride;
      if constexpr (W == 1) {
        acc[0] = acc[0] + Vec<T>::load(p, n);
      } else {
        for (int w = 0; w < W; ++w) acc[w] = acc[w] + Vec<T>::load(p + w * size);
      }
    }
    for (int w = 0; w < W; ++w) total[w] = chunk == 0 ? acc[w] : total[w] + acc[w];
  }
  for (int w = 0; w < W; ++w) math::keep(total[w]).store_up_to(out + w * size, n);
}

template <class T>
void sum_columns(const KernelCall& c) {
  constexpr int size = Vec<T>::size;
  const BoundRef& in = c.op->in[0];
  const int64_t rows = rows_of(in, *c.state);
  const Line<T> out(c.op->out[0], *c.state);
  const Rect q = share_columns(1, cols_of(in, *c.state), c.part, c.parts);
  const bool adjacent = out.col_stride == 1 && q.col1 <= out.width;
  T apart[4 * size];
  for (int64_t col = q.col0; col < q.col1;) {
    const T* x = at<const T>(in, 0, col);
    T* const sums = adjacent ? &out[col] : apart;
    const int64_t left = q.col1 - col;
    const int n = static_cast<int>(left >= 4 * size ? 4 * size : smaller(left, size));
    if (n == 4 * size) {
      column_sums<T, 4>(x, in.row_stride, rows, sums);
    } else {
      column_sums<T, 1>(x, in.row_stride, rows, sums, n);
    }
    for (int k = 0; k < n && !adjacent; ++k) out[col + k] = sums[k];
    col += n;
  }
}

template <bool Max, class T>
void extreme_columns(const KernelCall& c) {
  constexpr int size = Vec<T>::size;
  const BoundRef& in = c.op->in[0];
  const int64_t rows = rows_of(in, *c.state);
  const Line<T> out(c.op->out[0], *c.state);
  const Rect q = share_columns(1, cols_of(in, *c.state), c.part, c.parts);
  for (int64_t col = q.col0; col < q.col1; col += size) {
    const int n = static_cast<int>(smaller(q.col1 - col, size));
    Vec<T> best(math::extreme_start<Max, T>());
    for (int64_t r = 0; r < rows; ++r) {
      best = extreme<Max>(best, Vec<T>::load(at<const T>(in, r, col), n));
    }
    T lane[size];
    best.store(lane);
    for (int k = 0; k < n; ++k) out[col + k] = lane[k];
  }
}

// Integers: exact in any order. F joins two elements; `start` is what no elements give.
template <class F, class T>
FF_INLINE void reduce_integers(const KernelCall& c, T start) {
  const BoundRef& in = c.op->in[0];
  const Line<T> out(c.op->out[0], *c.state);
  const int64_t rows = rows_of(in, *c.state), cols = cols_of(in, *c.state);
  if (c.op->i[2] == 1) {
    const Rect q = share_columns(1, cols, c.part, c.parts);
    for (int64_t col = q.col0; col < q.col1; ++col) {
      T acc = start;
      for (int64_t r = 0; r < rows; ++r) acc = F::apply(acc, *at<const T>(in, r, col), acc);
      out[col] = acc;
    }
    return;
  }
  const Rect q = rows_share(c, rows);
  for (int64_t r = q.row0; r < q.row1; ++r) {
    T acc = start;
    const T* x = at<const T>(in, r, 0);
    for (int64_t col = 0; col < cols; ++col) acc = F::apply(acc, x[col], acc);
    out[r] = acc;
  }
}
template <class T>
void sum_integers(const KernelCall& c) {
  reduce_integers<math::IntAdd<T>, T>(c, 0);
}
template <class T>
void max_integers(const KernelCall& c) {
  reduce_integers<math::IntMaximum<T>, T>(c, math::kLowest<T>);
}
template <class T>
void min_integers(const KernelCall& c) {
  reduce_integers<math::IntMinimum<T>, T>(c, math::kHighest<T>);
}

// The lowest index of the largest; a NaN counts as larger than all.
template <class T>
FF_INLINE int64_t argmax_of(const T* x, int64_t n, int64_t stride) {
  int64_t best = 0;
  for (int64_t k = 0; k < n; ++k) {
    const T v = x[k * stride];
    if (v != v) return k;
    if (v > x[best * stride]) best = k;
  }
  return best;
}
template <class T>
void argmax(const KernelCall& c) {
  const BoundRef& in = c.op->in[0];
  const Line<int64_t> out(c.op->out[0], *c.state);
  const int64_t rows = rows_of(in, *c.state), cols = cols_of(in, *c.state);
  if (c.op->i[2] == 1) {
    const Rect q = share_columns(1, cols, c.part, c.parts);
    for (int64_t k = q.col0; k < q.col1; ++k) {
      out[k] = argmax_of(at<const T>(in, 0, k), rows, in.row_stride);
    }
    return;
  }
  const Rect q = rows_share(c, rows);
  for (int64_t r = q.row0; r < q.row1; ++r) out[r] = argmax_of(at<const T>(in, r, 0), cols, 1);
}

}  // namespace feedfwd::FF_ISA
