// Matmul with at most 4 columns of b, in lane order: 16 lanes over the whole of k, lane l taking
// l, l + 16, ... by fma from +0, then lanes added at distance 8, 4, 2, 1.
#pragma once

#include "cpu/gemm.h"

namespace feedfwd::FF_ISA {

inline constexpr int kLaneColumns = 4;

// Bytes of scratch for a part; enough for every smaller n and k too.
template <class T>
constexpr int64_t gemm_lanes_scratch(int64_t n, int64_t k) {
  return n * k * static_cast<int64_t>(sizeof(T));
}

// R rows of C: every load of b serves them all.
template <class T, int N, int R>
FF_INLINE void lane_rows(const T* a, int64_t lda, const T* b, int64_t ldb, T* c, int64_t ldc,
                         int64_t k) {
  using Pack = Pack16<T>;
  Pack acc[R][N];
#pragma GCC unroll 4
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) acc[i][j] = Pack(T(0));
  }
  int64_t kk = 0;
  for (; kk + 16 <= k; kk += 16) {
    Pack column[N];
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) column[j] = Pack::load(b + j * ldb + kk);
#pragma GCC unroll 4
    for (int i = 0; i < R; ++i) {
      const Pack row = Pack::load(a + i * lda + kk);
#pragma GCC unroll 4
      for (int j = 0; j < N; ++j) acc[i][j] = fma(row, column[j], acc[i][j]);
    }
  }
  // Lanes without a k add 0 * 0, which at most turns a -0 into +0: keep() would too.
  if (const int rest = static_cast<int>(k - kk); rest > 0) {
#pragma GCC unroll 4
    for (int i = 0; i < R; ++i) {
      const Pack row = Pack::load(a + i * lda + kk, rest);
#pragma GCC unroll 4
      for (int j = 0; j < N; ++j) {
        acc[i][j] = fma(row, Pack::load(b + j * ldb + kk, rest), acc[i][j]);
      }
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) {
      const Vec<T> sum = math::keep(Vec<T>(acc[i][j].tree_sum()));
      sum.store(c + i * ldc + j, 1);
    }
  }
}

template <class T, int N>
void lane_columns(const GemmArgs<T>& g, const T* b, int64_t ldb, int64_t row0, int64_t row1) {
  // As many rows as leave half of the registers to operands.
  constexpr int kFit = kRegisters / 2 / (N * Pack16<T>::registers);
  constexpr int kRows = kFit >= 4 ? 4 : kFit >= 2 ? 2 : 1;
  int64_t row = row0;
  for (; row + kRows <= row1; row += kRows) {
    lane_rows<T, N, kRows>(g.a + row * g.lda, g.lda, b, ldb, g.c + row * g.ldc, g.ldc, g.k);
  }
  for (; row < row1; ++row) {
    lane_rows<T, N, 1>(g.a + row * g.lda, g.lda, b, ldb, g.c + row * g.ldc, g.ldc, g.k);
  }
}

// As gemm(), for n <= 4 and an `a` that is not transposed; rows are split between parts.
template <class T>
void gemm_lanes(const GemmArgs<T>& g, int part, int parts, Epilogue epilogue) {
  const Rect mine = share_rows(g.m, g.n, part, parts);
  const int64_t row0 = mine.row0, row1 = mine.row1;
  if (row0 >= row1 || g.n == 0) return;
  const T* b = g.b;
  int64_t ldb = g.ldb;
  if (!g.trans_b && !(g.n == 1 && g.ldb == 1)) {
    for (int64_t kk = 0; kk < g.k; ++kk) {
      for (int64_t j = 0; j < g.n; ++j) g.scratch[j * g.k + kk] = g.b[kk * g.ldb + j];
    }
    b = g.scratch;
    ldb = g.k;
  }
  if (g.n == 1) lane_columns<T, 1>(g, b, ldb, row0, row1);
  if (g.n == 2) lane_columns<T, 2>(g, b, ldb, row0, row1);
  if (g.n == 3) lane_columns<T, 3>(g, b, ldb, row0, row1);
  if (g.n == 4) lane_columns<T, 4>(g, b, ldb, row0, row1);
  epilogue(row0, row1, 0, g.n);
}

}  // namespace feedfwd::FF_ISA
