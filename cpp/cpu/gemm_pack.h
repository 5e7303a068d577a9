// Packing for the matmul: k-major panels, transposed in registers where memory runs along k.
#pragma once

#include "cpu/simd.h"

namespace feedfwd::FF_ISA {

#if defined(__clang__)
#define FF_SHUFFLE(T, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define FF_SHUFFLE(T, a, b, ...) __builtin_shuffle(a, b, typename Native<T>::Int{__VA_ARGS__})
#endif

// a0 b0 a1 b1 ... over the lower halves of a and b.
template <class T>
FF_INLINE Vec<T> interleave_low(Vec<T> a, Vec<T> b) {
  constexpr int n = Vec<T>::size;
  if constexpr (n == 2) return Vec<T>::wrap(FF_SHUFFLE(T, a.v, b.v, 0, 2));
  if constexpr (n == 4) return Vec<T>::wrap(FF_SHUFFLE(T, a.v, b.v, 0, 4, 1, 5));
  if constexpr (n == 8) return Vec<T>::wrap(FF_SHUFFLE(T, a.v, b.v, 0, 8, 1, 9, 2, 10, 3, 11));
  if constexpr (n == 16) {
    return Vec<T>::wrap(
        FF_SHUFFLE(T, a.v, b.v, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  }
}

// The same over the upper halves.
template <class T>
FF_INLINE Vec<T> interleave_high(Vec<T> a, Vec<T> b) {
  constexpr int n = Vec<T>::size;
  if constexpr (n == 2) return Vec<T>::wrap(FF_SHUFFLE(T, a.v, b.v, 1, 3));
  if constexpr (n == 4) return Vec<T>::wrap(FF_SHUFFLE(T, a.v, b.v, 2, 6, 3, 7));
  if constexpr (n == 8) return Vec<T>::wrap(FF_SHUFFLE(T, a.v, b.v, 4, 12, 5, 13, 6, 14, 7, 15));
  if constexpr (n == 16) {
    return Vec<T>::wrap(
        FF_SHUFFLE(T, a.v, b.v, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
  }
}
#undef FF_SHUFFLE

// A square of Vec::size x Vec::size: each round shuffles the rows like a pack of cards, which
// rotates the bits of (row, lane) by one; log2(size) rounds swap row and lane.
template <class T>
FF_INLINE void transpose(Vec<T> (&v)[Vec<T>::size]) {
  constexpr int n = Vec<T>::size;
#pragma GCC unroll 4
  for (int round = 1; round < n; round *= 2) {
    Vec<T> next[n];
#pragma GCC unroll 16
    for (int i = 0; i < n / 2; ++i) {
      next[2 * i] = interleave_low(v[i], v[i + n / 2]);
      next[2 * i + 1] = interleave_high(v[i], v[i + n / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) v[i] = next[i];
  }
}

// How many columns of Vec::size rows are turned at once.
template <class T>
constexpr int turned_at_once() {
  if constexpr (requires { Native<T>::turned; }) {
    return Native<T>::turned;
  } else {
    return Vec<T>::size;
  }
}

// v[kk], lane j: row[j][k + kk], for turned_at_once() columns from k on.
template <class T>
FF_INLINE void load_turned(Vec<T>* v, const T* const (&row)[Vec<T>::size], int64_t k) {
  constexpr int n = turned_at_once<T>();
  if constexpr (n < Vec<T>::size) {
    typename Vec<T>::Reg r[n];
    Native<T>::load_turned(r, row, k);
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) v[i] = Vec<T>::wrap(r[i]);
  } else {
    Vec<T> square[n];
#pragma GCC unroll 16
    for (int j = 0; j < n; ++j) square[j] = Vec<T>::load(row[j] + k);
    transpose(square);
#pragma GCC unroll 16
    for (int j = 0; j < n; ++j) v[j] = square[j];
  }
}

// The packs write to[kk * width + j] for j < count <= width. Of what follows a row they may spoil
// up to a vector, rows being written in rising kk: `to` needs Vec::size elements more at its end.

// Memory along j: from[kk * ld + j].
template <class T>
FF_INLINE void pack_rows(T* to, int64_t width, const T* from, int64_t ld, int64_t count,
                         int64_t k) {
  constexpr int size = Vec<T>::size;
  for (int64_t kk = 0; kk < k; ++kk) {
    int64_t j = 0;
    for (; j + size <= count; j += size) Vec<T>::load(from + j).store(to + j);
    if (j < count) Vec<T>::load(from + j, static_cast<int>(count - j)).store(to + j);
    from += ld;
    to += width;
  }
}

// pack_panels for panels of so many whole vectors and, or not, a rest.
template <class T, int Whole, bool Rest>
FF_INLINE void pack_panels_of(T* to, int64_t width, const T* from, int64_t ld, int64_t panels,
                              int64_t k) {
  constexpr int64_t size = Vec<T>::size, group = 4;
  constexpr int vectors = Whole + Rest;
  const int rest = static_cast<int>(width - Whole * size);
  // Where a panel is no whole vectors, all are read and written all the same: what follows in the
  // matrix, and what the panel's next rows then replace. The last rows have nothing behind them.
  const int64_t last = Rest ? (size - rest + width - 1) / width : 0;
  int64_t k0 = 0;
  for (; k0 + group + last <= k; k0 += group) {
    const int64_t ahead = k - k0 < 2 * group ? 0 : group * ld;
    const T* source = from + k0 * ld;
    T* target = to + k0 * width;
    for (int64_t p = 0; p < panels; ++p, source += width, target += width * k) {
#pragma GCC unroll 4
      for (int64_t i = 0; i < group; ++i) {
        const T* row = source + i * ld;
        T* packed = target + i * width;
        __builtin_prefetch(row + ahead);
#pragma GCC unroll 5
        for (int j = 0; j < vectors; ++j) Vec<T>::load(row + j * size).store(packed + j * size);
      }
    }
  }
  for (; k0 < k; ++k0) {
    const T* row = from + k0 * ld;
    T* packed = to + k0 * width;
    for (int64_t p = 0; p < panels; ++p, row += width, packed += width * k) {
#pragma GCC unroll 4
      for (int j = 0; j < Whole; ++j) Vec<T>::load(row + j * size).store(packed + j * size);
      if constexpr (Rest) {
        Vec<T>::load(row + Whole * size, rest).store(packed + Whole * size, rest);
      }
    }
  }
}

// As pack_rows, for panels of `width` columns whose results lie one behind the other. Rows go in
// groups, panel by panel, so that both sides are touched in runs; the next group is asked for
// meanwhile, since no processor foresees that order. Spoils nothing behind its end. Panels have at
// most kPanelVectors whole vectors: eight rows of doubles in vectors of two.
inline constexpr int kPanelVectors = 4;
template <class T, int Whole = kPanelVectors>
void pack_panels(T* to, int64_t width, const T* from, int64_t ld, int64_t panels, int64_t k) {
  if constexpr (Whole > 0) {
    if (width < Whole * Vec<T>::size)
      return pack_panels<T, Whole - 1>(to, width, from, ld, panels, k);
    if (width % Vec<T>::size == 0)
      return pack_panels_of<T, Whole, false>(to, width, from, ld, panels, k);
  }
  pack_panels_of<T, Whole, true>(to, width, from, ld, panels, k);
}

// Up to Vec::size columns j, memory along k: from[j * ld + kk].
template <class T>
FF_INLINE void pack_column_block(T* to, int64_t width, const T* from, int64_t ld, int columns,
                                 int64_t k) {
  constexpr int size = Vec<T>::size, turned = turned_at_once<T>();
  const T* row[size];
#pragma GCC unroll 16
  for (int j = 0; j < size; ++j) row[j] = from + (j < columns ? j : columns - 1) * ld;
  int64_t kk = 0;
  for (; kk + turned <= k; kk += turned, to += turned * width) {
    Vec<T> v[turned];
    load_turned(v, row, kk);
#pragma GCC unroll 16
    for (int i = 0; i < turned; ++i) v[i].store(to + i * width);
  }
  if (const int left = static_cast<int>(k - kk); left > 0) {
    Vec<T> v[size];
    for (int j = 0; j < size; ++j) v[j] = Vec<T>::load(row[j] + kk, left);
    transpose(v);
    for (int i = 0; i < left; ++i) v[i].store(to + i * width);
  }
}

// Memory along k: from[j * ld + kk]. The right block, which may be partial, goes first: what it
// spoils of the next rows' left columns is then written.
template <class T>
void pack_columns(T* to, int64_t width, const T* from, int64_t ld, int64_t count, int64_t k) {
  constexpr int64_t size = Vec<T>::size;
  for (int64_t j = (count - 1) / size * size; j >= 0; j -= size) {
    const int columns = static_cast<int>(count - j < size ? count - j : size);
    pack_column_block(to + j, width, from + j * ld, ld, columns, k);
  }
}

}  // namespace feedfwd::FF_ISA
