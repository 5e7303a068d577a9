// Register tiles of the matmul: MR rows by NV vectors of C, all of one k chunk, held in registers.
// Sizes are such that accumulators, a row of B and one broadcast of A fit the register file:
// 14 x 2 + 2 + 1 of 32 (AVX-512), 6 x 2 + 2 + 1 of 16 (AVX2).
#pragma once

#include "core/math/numeric.h"
#include "cpu/simd.h"

namespace feedfwd::FF_ISA {

#if defined(FF_ISA_AVX512)
inline constexpr int kTileRows = 14;  // sgemm_avx512_14x32, dgemm_avx512_14x16
inline constexpr int kRegisters = 32;
inline constexpr bool kFreeMasks = true;  // a masked load costs what a full one does
#elif defined(FF_ISA_AVX2)
inline constexpr int kTileRows = 6;  // sgemm_avx2_6x16, dgemm_avx2_6x8
inline constexpr int kRegisters = 16;
inline constexpr bool kFreeMasks = false;
#elif defined(FF_ISA_NEON)
inline constexpr int kTileRows = 8;  // sgemm_neon_8x8, dgemm_neon_8x4
inline constexpr int kRegisters = 32;
inline constexpr bool kFreeMasks = false;
#else
inline constexpr int kTileRows = 4;  // the fma may be a call, which empties the registers
inline constexpr int kRegisters = 16;
inline constexpr bool kFreeMasks = false;
#endif
inline constexpr int kTileVectors = 2;
// An odd vector at the end goes with the panel before it, in tiles of so many rows by three
// vectors: a tile of one has too few fma chains where it has 6 rows. 0: it has enough.
#if defined(FF_ISA_AVX2)
inline constexpr int kThreeRows = 4;
#else
inline constexpr int kThreeRows = 0;
#endif

// Steps of k per turn of the loop. A tile that fills the registers hides the loop's overhead, and
// unrolled it would spill.
constexpr int unrolled_steps(int accumulators) { return 2 * accumulators > kRegisters ? 1 : 4; }

// How a tile reads A: element (row i, step kk) is a[i + kk * step] or a[i * step + kk].
enum AForm : int { kAByStep = 0, kAByRow = 1 };

// One chunk of one tile. `tail`: columns in the tile's last vector. `first`: C is stored, else
// added to; `last`: subnormal results become zero.
template <class T>
struct TileArgs {
  int64_t k;
  const T* a;
  int64_t step;
  const T* b;
  int64_t ldb;
  T* c;
  int64_t ldc;
  int tail;
  bool first, last;
};

template <class T>
using TileKernel = void (*)(const TileArgs<T>&);

// Rows of B that are asked for ahead: its rows may lie far apart, or come from a slower cache.
constexpr int kRowsAhead = 8;

// Vectors from one cache line to the next.
template <class T>
constexpr int lines_step() {
  return 64 / (Vec<T>::size * static_cast<int>(sizeof(T)));
}

template <int NV, class T>
FF_INLINE void prefetch_row(const T* p) {
#pragma GCC unroll 16
  for (int j = 0; j < NV; j += lines_step<T>()) __builtin_prefetch(p + j * Vec<T>::size);
}

template <int NV, bool BTail, class T>
FF_INLINE void load_row(Vec<T> (&v)[NV], const T* p, int tail) {
#pragma GCC unroll 16
  for (int j = 0; j < NV; ++j) {
    const T* at = p + j * Vec<T>::size;
    v[j] = BTail && j == NV - 1 ? Vec<T>::load(at, tail) : Vec<T>::load(at);
  }
}

template <int MR, int NV, int Form, bool BTail, class T>
FF_INLINE void multiply_step(Vec<T> (&acc)[MR][NV], const T* a, int64_t step, const T* b,
                             int64_t ldb, int tail) {
  Vec<T> row[NV];
  prefetch_row<NV>(b + kRowsAhead * ldb);
  load_row<NV, BTail>(row, b, tail);
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i) {
    const Vec<T> factor(Form == kAByRow ? a[i * step] : a[i]);
#pragma GCC unroll 16
    for (int j = 0; j < NV; ++j) acc[i][j] = fma(factor, row[j], acc[i][j]);
  }
}

template <int MR, int NV, class T>
FF_INLINE void finish_tile(Vec<T> (&acc)[MR][NV], const TileArgs<T>& t) {
  const bool full = t.tail == Vec<T>::size;
  if (!t.first) {
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
      Vec<T> row[NV];
      if (full) {
        load_row<NV, false>(row, t.c + i * t.ldc, t.tail);
      } else {
        load_row<NV, true>(row, t.c + i * t.ldc, t.tail);
      }
#pragma GCC unroll 16
      for (int j = 0; j < NV; ++j) acc[i][j] = row[j] + acc[i][j];
    }
  }
  if (t.last) {
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 16
      for (int j = 0; j < NV; ++j) acc[i][j] = math::keep(acc[i][j]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i) {
    T* c = t.c + i * t.ldc;
#pragma GCC unroll 16
    for (int j = 0; j < NV - 1; ++j) acc[i][j].store(c + j * Vec<T>::size);
    if (full) {
      acc[i][NV - 1].store(c + (NV - 1) * Vec<T>::size);
    } else {
      acc[i][NV - 1].store(c + (NV - 1) * Vec<T>::size, t.tail);
    }
  }
}

template <class T, int MR, int NV, int Form, bool BTail>
void tile(const TileArgs<T>& t) {
  Vec<T> acc[MR][NV];
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < NV; ++j) acc[i][j] = Vec<T>(T(0));
  }
  // The product takes long enough for C's lines to come, wherever they are.
#pragma GCC unroll 1
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < NV; j += lines_step<T>()) {
      prefetch_to_write(t.c + i * t.ldc + j * Vec<T>::size);
    }
  }
  const T* a = t.a;
  const T* b = t.b;
  const int64_t step = t.step, ldb = t.ldb;
  const int64_t a_next = Form == kAByRow ? 1 : step;
  const int tail = t.tail;
  constexpr int kSteps = unrolled_steps(MR * NV);
  int64_t k = t.k;
#pragma GCC unroll 1
  for (; k >= kSteps; k -= kSteps) {
#pragma GCC unroll 4
    for (int u = 0; u < kSteps; ++u) {
      multiply_step<MR, NV, Form, BTail>(acc, a, step, b, ldb, tail);
      a += a_next;
      b += ldb;
    }
  }
#pragma GCC unroll 1
  for (; k > 0; --k) {
    multiply_step<MR, NV, Form, BTail>(acc, a, step, b, ldb, tail);
    a += a_next;
    b += ldb;
  }
  finish_tile<MR, NV>(acc, t);
}

// The kernels of one type. Where masks are free the kernel that masks its last vector serves all.
template <class T>
struct TileTable {
  // [form][b tail][vectors - 1][rows - 1]
  TileKernel<T> regular[2][2][kTileVectors][kTileRows] = {};
  // A few rows of a B read in place: as many vectors a row as there are registers for, then a few,
  // so that the fma's latency is hidden and B's lines come in long runs.
  static constexpr int kWideRows = kRegisters == 32 ? 4 : 2;
  static constexpr int wide_vectors(int rows, int level) {
    constexpr int most[] = {16, 10, 6, 5};
    if (kRegisters == 32) return level > 0 ? 4 : most[rows - 1];
    return level > 0 ? 3 : 8 / rows;
  }
  TileKernel<T> wide[2][kWideRows] = {};
  // [form][b tail][rows - 1]
  TileKernel<T> three[2][2][kThreeRows + 1] = {};

  constexpr TileTable() {
    fill<kTileRows>();
    fill_wide<kWideRows>();
    fill_three<kThreeRows>();
  }

 private:
  template <int MR>
  constexpr void fill() {
    regular[kAByStep][1][0][MR - 1] = &tile<T, MR, 1, kAByStep, true>;
    regular[kAByStep][1][1][MR - 1] = &tile<T, MR, 2, kAByStep, true>;
    regular[kAByRow][1][0][MR - 1] = &tile<T, MR, 1, kAByRow, true>;
    regular[kAByRow][1][1][MR - 1] = &tile<T, MR, 2, kAByRow, true>;
    regular[kAByStep][0][0][MR - 1] = &tile<T, MR, 1, kAByStep, kFreeMasks>;
    regular[kAByStep][0][1][MR - 1] = &tile<T, MR, 2, kAByStep, kFreeMasks>;
    regular[kAByRow][0][0][MR - 1] = &tile<T, MR, 1, kAByRow, kFreeMasks>;
    regular[kAByRow][0][1][MR - 1] = &tile<T, MR, 2, kAByRow, kFreeMasks>;
    if constexpr (MR > 1) fill<MR - 1>();
  }
  template <int MR>
  constexpr void fill_wide() {
    wide[0][MR - 1] = &tile<T, MR, wide_vectors(MR, 0), kAByRow, false>;
    wide[1][MR - 1] = &tile<T, MR, wide_vectors(MR, 1), kAByRow, false>;
    if constexpr (MR > 1) fill_wide<MR - 1>();
  }
  template <int MR>
  constexpr void fill_three() {
    if constexpr (MR > 0) {
      three[kAByStep][0][MR - 1] = &tile<T, MR, 3, kAByStep, kFreeMasks>;
      three[kAByStep][1][MR - 1] = &tile<T, MR, 3, kAByStep, true>;
      three[kAByRow][0][MR - 1] = &tile<T, MR, 3, kAByRow, kFreeMasks>;
      three[kAByRow][1][MR - 1] = &tile<T, MR, 3, kAByRow, true>;
      fill_three<MR - 1>();
    }
  }
};

template <class T>
inline constexpr TileTable<T> kTiles{};

}  // namespace feedfwd::FF_ISA
