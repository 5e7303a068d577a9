// Matmul with one column of b in the fixed order: the order runs along k, so vectors run over rows
// of a, which lie along k in memory and are turned in registers.
#pragma once

#include "cpu/gemm_stream.h"

namespace feedfwd::FF_ISA {

// Groups of Vec::size rows that are walked side by side: one chain of fma each, whose latency the
// others hide.
inline constexpr int kSideBySide = 2;

// acc + the products of Vec::size rows from `a` on with b, for Vec::size steps of k.
template <class T>
FF_INLINE Vec<T> column_square(Vec<T> acc, const T* a, int64_t lda, const T* b, int64_t stride) {
  constexpr int size = Vec<T>::size;
  Vec<T> v[size];
  const T* row[size];
#pragma GCC unroll 16
  for (int j = 0; j < size; ++j) row[j] = a + j * lda;
  load_turned(v, row);
#pragma GCC unroll 16
  for (int kk = 0; kk < size; ++kk) acc = fma(v[kk], Vec<T>(b[kk * stride]), acc);
  return acc;
}

// The same for what is no whole square.
template <class T>
Vec<T> column_rest(Vec<T> acc, const T* a, int64_t lda, int rows, const T* b, int64_t stride,
                   int steps) {
  constexpr int size = Vec<T>::size;
  Vec<T> v[size];
  for (int j = 0; j < size; ++j) v[j] = j < rows ? Vec<T>::load(a + j * lda, steps) : Vec<T>(T(0));
  transpose(v);
  for (int kk = 0; kk < steps; ++kk) acc = fma(v[kk], Vec<T>(b[kk * stride]), acc);
  return acc;
}

// `rows` rows of c from `row` on, which all groups but the last fill.
template <class T, int Groups>
FF_INLINE void column_groups(const GemmArgs<T>& g, int64_t row, int64_t rows) {
  constexpr int size = Vec<T>::size;
  const int64_t stride = g.trans_b ? 1 : g.ldb;
  const bool whole = rows == Groups * size;
  const int last_rows = static_cast<int>(rows - (Groups - 1) * size);
  Vec<T> total[Groups];
#pragma GCC unroll 2
  for (int i = 0; i < Groups; ++i) total[i] = Vec<T>(T(0));
  for (int64_t k0 = 0; k0 < g.k; k0 += kChunk) {
    const int64_t end = least(k0 + kChunk, g.k);
    const T* a = g.a + row * g.lda + k0;
    const T* b = g.b + k0 * stride;
    int64_t k = k0;
    Vec<T> acc[Groups];
#pragma GCC unroll 2
    for (int i = 0; i < Groups; ++i) acc[i] = Vec<T>(T(0));
    for (; whole && k + size <= end; k += size) {
#pragma GCC unroll 2
      for (int i = 0; i < Groups; ++i) {
        acc[i] = column_square(acc[i], a + i * size * g.lda, g.lda, b, stride);
      }
      a += size;
      b += size * stride;
    }
    for (; k < end; k += size) {
      const int steps = static_cast<int>(least(end - k, size));
#pragma GCC unroll 2
      for (int i = 0; i < Groups; ++i) {
        acc[i] = column_rest(acc[i], a + i * size * g.lda, g.lda, i + 1 < Groups ? size : last_rows,
                             b, stride, steps);
      }
      a += size;
      b += size * stride;
    }
#pragma GCC unroll 2
    for (int i = 0; i < Groups; ++i) total[i] = k0 == 0 ? acc[i] : total[i] + acc[i];
  }
#pragma GCC unroll 2
  for (int i = 0; i < Groups; ++i) {
    math::keep(total[i]).store(g.c + row + i * size, i + 1 < Groups ? size : last_rows);
  }
}

template <class T>
void column_of_rows(const GemmArgs<T>& g, int64_t row0, int64_t row1) {
  constexpr int64_t together = kSideBySide * Vec<T>::size;
  int64_t row = row0;
  for (; row + together <= row1; row += together) column_groups<T, kSideBySide>(g, row, together);
  for (; row < row1; row += Vec<T>::size) {
    column_groups<T, 1>(g, row, least(row1 - row, Vec<T>::size));
  }
}

// c lies end to end. Where a is transposed, that is a row times a matrix.
template <class T>
void gemm_column(const GemmArgs<T>& g, int part, int parts, Epilogue epilogue) {
  const int64_t row0 = g.m * part / parts, row1 = g.m * (part + 1) / parts;
  if (!g.trans_a) {
    column_of_rows(g, row0, row1);
    return epilogue(row0, row1, 0, 1);
  }
  const GemmArgs<T> turned{g.b, g.ldb, !g.trans_b, g.a, g.lda, !g.trans_a,
                           g.c, g.m,   1,          g.m, g.k,   g.scratch};
  const auto back = [](void* context, int64_t from0, int64_t from1, int64_t col0, int64_t col1) {
    (*static_cast<const Epilogue*>(context))(col0, col1, from0, from1);
  };
  const Epilogue wrapped{epilogue.tile ? +back : nullptr, &epilogue};
  gemm_share(turned, {0, 1, row0, row1}, wrapped);
}

template <class T>
void gemm(const GemmArgs<T>& g, int part, int parts, Split split, Epilogue epilogue) {
  if (g.n == 1 && g.ldc == 1 && g.m > 1) return gemm_column(g, part, parts, epilogue);
  Rect mine;
  if (split == Split::rows) {
    mine = {g.m * part / parts, g.m * (part + 1) / parts, 0, g.n};
  } else if (split == Split::columns) {
    const Rect columns = share_columns(g.m, g.n, part, parts);
    mine = {0, g.m, columns.col0, columns.col1};
  } else {
    mine = share_of<T>(g.m, g.n, part, parts);
  }
  gemm_share(g, mine, epilogue);
}

}  // namespace feedfwd::FF_ISA
