// Matmul of a few rows in the fixed order, with B read as it lies in memory: some of its rows at a
// time from end to end, as many streams, while the accumulators wait in the first-level cache.
// Tiles would read B in strips, and every row of a strip of a large B is another page.
#pragma once

#include "cpu/gemm.h"

namespace feedfwd::FF_ISA {

inline constexpr int kStreamRows = 12;               // more: B is packed
inline constexpr int kStreamTogether = 4;            // rows of C at once
inline constexpr int64_t kStreamFarBytes = 2 << 20;  // a B that is worth more than these
inline constexpr int64_t kStreamBlockBytes = 4096;   // of a row of accumulators
inline constexpr int64_t kStreamLeastBytes = 1024;   // of a row of B: tiles reach over shorter ones

template <class T>
bool streams(const GemmArgs<T>& g, Rect share) {
  const int64_t rows = share.row1 - share.row0;
  const int64_t row_bytes = (share.col1 - share.col0) * static_cast<int64_t>(sizeof(T));
  if (g.trans_b || row_bytes <= kStreamLeastBytes) return false;
  return rows <= (row_bytes * g.k > kStreamFarBytes ? kStreamRows : kStreamTogether);
}

// Up to kStreamRows rows of C and up to kStreamBlockBytes of each.
template <class T>
class Stream {
 public:
  Stream(const GemmArgs<T>& g, Rect block)
      : g_(g),
        a_(g.a + block.row0 * (g.trans_a ? 1 : g.lda)),
        a_row_(g.trans_a ? 1 : g.lda),
        a_step_(g.trans_a ? g.lda : 1),
        b_(g.b + block.col0),
        c_(g.c + block.row0 * g.ldc + block.col0),
        rows_(static_cast<int>(block.row1 - block.row0)),
        groups_(static_cast<int>(divide_up(rows_, kStreamTogether))),
        whole_((block.col1 - block.col0) / size * size),
        tail_(static_cast<int>(block.col1 - block.col0 - whole_)) {}

  void run() {
    for (int64_t k0 = 0; k0 == 0 || k0 < g_.k; k0 += kChunk) {
      const int64_t end = least(k0 + kChunk, g_.k);
      clear();
      int64_t k = k0;
      if (rows_ == 1) {
        for (; k + 8 <= end; k += 8) add<1, 8>(0, k);
      }
      for (; k + 4 <= end; k += 4) add_to_all<4>(k);
      for (; k < end; ++k) add_to_all<1>(k);
      finish(k0 == 0, end == g_.k);
    }
  }

 private:
  static constexpr int size = Vec<T>::size;

  void clear() {
    for (int r = 0; r < rows_; ++r) {
      for (int64_t j = 0; j < whole_ + size; j += size) Vec<T>(T(0)).store(sums_[r] + j);
    }
  }

  // The first group brings the rows of B into the nearest cache, where the others find them.
  template <int Steps>
  void add_to_all(int64_t k) {
    for (int i = 0; i < groups_; ++i) {
      const int row = rows_ * i / groups_, count = rows_ * (i + 1) / groups_ - row;
      if (count == 4) add<4, Steps>(row, k);
      if (count == 3) add<3, Steps>(row, k);
      if (count == 2) add<2, Steps>(row, k);
      if (count == 1) add<1, Steps>(row, k);
    }
  }

  // So many steps of k, one after the other on every accumulator of R rows.
  template <int R, int Steps>
  void add(int row, int64_t k) {
    Vec<T> factor[R][Steps];
    const T* const a = a_ + row * a_row_ + k * a_step_;
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int s = 0; s < Steps; ++s) factor[r][s] = Vec<T>(a[r * a_row_ + s * a_step_]);
    }
    // Not the members, which any store of a vector might change for all the compiler knows.
    const int64_t ldb = g_.ldb, whole = whole_;
    T* const sums = sums_[row];
    const T* b = b_ + k * ldb;
    for (int64_t j = 0; j < whole; j += size) add_at(factor, sums + j, b + j, ldb, size);
    if (tail_ > 0) add_at(factor, sums + whole, b + whole, ldb, tail_);
  }

  template <int R, int Steps>
  FF_INLINE static void add_at(const Vec<T> (&factor)[R][Steps], T* sums, const T* b, int64_t ldb,
                               int count) {
    Vec<T> sum[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) sum[r] = Vec<T>::load(sums + r * kPitch);
#pragma GCC unroll 8
    for (int s = 0; s < Steps; ++s) {
      const Vec<T> v = Vec<T>::load_up_to(b + s * ldb, count);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) sum[r] = fma(factor[r][s], v, sum[r]);
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) sum[r].store(sums + r * kPitch);
  }

  // The chunk's sums become C's or are added to them.
  void finish(bool first, bool last) {
    for (int r = 0; r < rows_; ++r) {
      T* c = c_ + r * g_.ldc;
      for (int64_t j = 0; j < whole_ + tail_; j += size) {
        const int count = j < whole_ ? size : tail_;
        Vec<T> v = Vec<T>::load(sums_[r] + j);
        if (!first) v = Vec<T>::load_up_to(c + j, count) + v;
        if (last) v = math::keep(v);
        v.store_up_to(c + j, count);
      }
    }
  }

  // A vector more: a tail is whole there, and rows do not fall on the same cache sets.
  static constexpr int64_t kPitch = kStreamBlockBytes / static_cast<int64_t>(sizeof(T)) + size;

  const GemmArgs<T>& g_;
  const T* const a_;
  const int64_t a_row_, a_step_;
  const T* const b_;
  T* const c_;
  const int rows_, groups_;
  const int64_t whole_;  // columns in whole vectors; `tail_` more
  const int tail_;
  alignas(64) T sums_[kStreamRows][kPitch];  // some 50 KB of stack
};

// For what streams() accepts.
template <class T>
void gemm_stream(const GemmArgs<T>& g, Rect share, Epilogue epilogue) {
  constexpr int64_t width = kStreamBlockBytes / static_cast<int64_t>(sizeof(T));
  if (share.row0 >= share.row1) return;
  for (int64_t col = share.col0; col < share.col1; col += width) {
    const Rect block{share.row0, share.row1, col, least(col + width, share.col1)};
    Stream<T>(g, block).run();
    epilogue(block.row0, block.row1, block.col0, block.col1);
  }
}

// A part's share, by whichever way suits it.
template <class T>
void gemm_share(const GemmArgs<T>& g, Rect share, Epilogue epilogue) {
  if (streams(g, share)) return gemm_stream(g, share, epilogue);
  GemmPart<T>(g, share, epilogue).run();
}

}  // namespace feedfwd::FF_ISA
