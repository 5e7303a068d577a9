// Matmul of a few rows in the fixed order, with B read as it lies in memory: some of its rows at a
// time from end to end, as many streams, while the accumulators wait in the first-level cache.
// Tiles would read B in strips, and every row of a strip of a large B is another page.
#pragma once

#include "cpu/gemm.h"

namespace feedfwd::FF_ISA {

inline constexpr int kStreamRows = 4;
inline constexpr int64_t kStreamBlockBytes = 4096;  // of a row of accumulators
inline constexpr int64_t kStreamLeastBytes = 1024;  // of a row of B: tiles reach over shorter ones

template <class T>
bool streams(const GemmArgs<T>& g, Rect share) {
  const int64_t row_bytes = (share.col1 - share.col0) * static_cast<int64_t>(sizeof(T));
  return share.row1 - share.row0 <= kStreamRows && !g.trans_b && row_bytes > kStreamLeastBytes;
}

// R rows of C and up to kStreamBlockBytes of each.
template <class T, int R>
class Stream {
 public:
  Stream(const GemmArgs<T>& g, int64_t row, int64_t col0, int64_t col1)
      : g_(g),
        a_(g.a + row * (g.trans_a ? 1 : g.lda)),
        a_row_(g.trans_a ? 1 : g.lda),
        a_step_(g.trans_a ? g.lda : 1),
        b_(g.b + col0),
        c_(g.c + row * g.ldc + col0),
        whole_((col1 - col0) / size * size),
        tail_(static_cast<int>(col1 - col0 - whole_)) {}

  void run() {
    for (int64_t k0 = 0; k0 == 0 || k0 < g_.k; k0 += kChunk) {
      const int64_t end = least(k0 + kChunk, g_.k);
      clear();
      int64_t k = k0;
      if constexpr (R == 1) {
        for (; k + 8 <= end; k += 8) add<8>(k);
      }
      for (; k + 4 <= end; k += 4) add<4>(k);
      for (; k < end; ++k) add<1>(k);
      finish(k0 == 0, end == g_.k);
    }
  }

 private:
  static constexpr int size = Vec<T>::size;

  void clear() {
    for (int r = 0; r < R; ++r) {
      for (int64_t j = 0; j < whole_ + size; j += size) Vec<T>(T(0)).store(sums_[r] + j);
    }
  }

  // So many steps of k, one after the other on every accumulator.
  template <int Steps>
  FF_INLINE void add(int64_t k) {
    Vec<T> factor[R][Steps];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int s = 0; s < Steps; ++s) factor[r][s] = Vec<T>(a_[r * a_row_ + (k + s) * a_step_]);
    }
    // Not the members, which any store of a vector might change for all the compiler knows.
    const int64_t ldb = g_.ldb, whole = whole_;
    const T* b = b_ + k * ldb;
    for (int64_t j = 0; j < whole; j += size) add_at(factor, j, b + j, ldb, size);
    if (tail_ > 0) add_at(factor, whole, b + whole, ldb, tail_);
  }

  template <int Steps>
  FF_INLINE void add_at(const Vec<T> (&factor)[R][Steps], int64_t j, const T* b, int64_t ldb,
                        int count) {
    Vec<T> sum[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) sum[r] = Vec<T>::load(sums_[r] + j);
#pragma GCC unroll 8
    for (int s = 0; s < Steps; ++s) {
      const Vec<T> v = Vec<T>::load_up_to(b + s * ldb, count);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) sum[r] = fma(factor[r][s], v, sum[r]);
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) sum[r].store(sums_[r] + j);
  }

  // The chunk's sums become C's or are added to them.
  void finish(bool first, bool last) {
    for (int r = 0; r < R; ++r) {
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

  const GemmArgs<T>& g_;
  const T* const a_;
  const int64_t a_row_, a_step_;
  const T* const b_;
  T* const c_;
  const int64_t whole_;  // columns in whole vectors; `tail_` more
  const int tail_;
  // A vector more: a tail is whole there.
  alignas(64) T sums_[R][kStreamBlockBytes / sizeof(T) + size];
};

template <class T, int R>
void stream_rows(const GemmArgs<T>& g, Rect share, int64_t col0, int64_t col1) {
  if constexpr (R > 1) {
    if (share.row1 - share.row0 < R) return stream_rows<T, R - 1>(g, share, col0, col1);
  }
  Stream<T, R>(g, share.row0, col0, col1).run();
}

// For what streams() accepts.
template <class T>
void gemm_stream(const GemmArgs<T>& g, Rect share, Epilogue epilogue) {
  constexpr int64_t width = kStreamBlockBytes / static_cast<int64_t>(sizeof(T));
  if (share.row0 >= share.row1) return;
  for (int64_t col = share.col0; col < share.col1; col += width) {
    const int64_t end = least(col + width, share.col1);
    stream_rows<T, kStreamRows>(g, share, col, end);
    epilogue(share.row0, share.row1, col, end);
  }
}

// A part's share, by whichever way suits it.
template <class T>
void gemm_share(const GemmArgs<T>& g, Rect share, Epilogue epilogue) {
  if (streams(g, share)) return gemm_stream(g, share, epilogue);
  GemmPart<T>(g, share, epilogue).run();
}

}  // namespace feedfwd::FF_ISA
