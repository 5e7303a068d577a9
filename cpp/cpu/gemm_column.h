// Matmul with one column of b in the fixed order: the order runs along k, so vectors run over rows
// of a, which lie along k in memory and are turned in registers.
#pragma once

#include "cpu/gemm.h"

namespace feedfwd::FF_ISA {

// acc + the chunk's products of `rows` rows from `a` on with b, for `steps` steps of k.
template <class T>
FF_INLINE Vec<T> column_square(Vec<T> acc, const T* a, int64_t lda, int rows, const T* b,
                               int64_t stride, int steps) {
  constexpr int size = Vec<T>::size;
  Vec<T> v[size];
  if (rows == size && steps == size) {
#pragma GCC unroll 16
    for (int j = 0; j < size; ++j) v[j] = Vec<T>::load(a + j * lda);
    transpose(v);
#pragma GCC unroll 16
    for (int kk = 0; kk < size; ++kk) acc = fma(v[kk], Vec<T>(b[kk * stride]), acc);
    return acc;
  }
  for (int j = 0; j < size; ++j) v[j] = j < rows ? Vec<T>::load(a + j * lda, steps) : Vec<T>(T(0));
  transpose(v);
  for (int kk = 0; kk < steps; ++kk) acc = fma(v[kk], Vec<T>(b[kk * stride]), acc);
  return acc;
}

template <class T>
void column_of_rows(const GemmArgs<T>& g, int64_t row0, int64_t row1) {
  constexpr int size = Vec<T>::size;
  const int64_t stride = g.trans_b ? 1 : g.ldb;
  for (int64_t row = row0; row < row1; row += size) {
    const int rows = static_cast<int>(least(row1 - row, size));
    const T* a = g.a + row * g.lda;
    Vec<T> total(T(0));
    for (int64_t k0 = 0; k0 < g.k; k0 += kChunk) {
      const int64_t end = least(k0 + kChunk, g.k);
      Vec<T> acc(T(0));
      for (int64_t k = k0; k < end; k += size) {
        const int steps = static_cast<int>(least(end - k, size));
        acc = column_square(acc, a + k, g.lda, rows, g.b + k * stride, stride, steps);
      }
      total = k0 == 0 ? acc : total + acc;
    }
    math::keep(total).store(g.c + row, rows);
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
  GemmPart<T>(turned, {0, 1, row0, row1}, wrapped).run();
}

template <class T>
void gemm(const GemmArgs<T>& g, int part, int parts, bool by_rows, Epilogue epilogue) {
  if (g.n == 1 && g.ldc == 1 && g.m > 1) return gemm_column(g, part, parts, epilogue);
  const Rectangle mine = by_rows ? Rectangle{g.m * part / parts, g.m * (part + 1) / parts, 0, g.n}
                                 : share_of<T>(g.m, g.n, part, parts);
  GemmPart<T>(g, mine, epilogue).run();
}

}  // namespace feedfwd::FF_ISA
