// Matmul C = op(A) op(B) in the fixed order: k in chunks of 384, one fma chain per chunk from +0,
// chunk results added in rising order. A part computes a rectangle of C, alone and without waiting.
#pragma once

#include "cpu/gemm_pack.h"
#include "cpu/microkernel.h"

namespace feedfwd::FF_ISA {

// op(A) is m x k, op(B) k x n; strides in elements. trans_a: a is k x m in memory, trans_b: b is
// n x k. `scratch` belongs to the part: gemm_scratch or gemm_lanes_scratch bytes, 64-byte aligned.
template <class T>
struct GemmArgs {
  const T* a;
  int64_t lda;
  bool trans_a;
  const T* b;
  int64_t ldb;
  bool trans_b;
  T* c;
  int64_t ldc;
  int64_t m, n, k;
  T* scratch;
};

// Called once for every finished rectangle [row0, row1) x [col0, col1) of C, by the part that made
// it, while it is in cache. A null `tile` is none.
struct Epilogue {
  void (*tile)(void* context, int64_t row0, int64_t row1, int64_t col0, int64_t col1);
  void* context;
  void operator()(int64_t row0, int64_t row1, int64_t col0, int64_t col1) const {
    if (tile && row0 < row1 && col0 < col1) tile(context, row0, row1, col0, col1);
  }
};

inline constexpr int64_t kChunk = 384;              // the contract's, not a tuning value
inline constexpr int64_t kBlockBytes = 384 * 1024;  // of B: stays in L2 beside A and C
inline constexpr int64_t kBlockColumnBytes = 2048;  // of a row of C in a block: for L1
inline constexpr int64_t kSmallBytes = 32 * 1024;   // a B that stays in L1 as it is
inline constexpr int64_t kEpilogueBytes = 8 * 1024;

constexpr int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
constexpr int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <class T>
inline constexpr int64_t kPanel = kTileVectors * Vec<T>::size;  // columns of a regular tile

// Columns of a block of B for chunks of up to `k` steps.
template <class T>
constexpr int64_t block_columns(int64_t k) {
  const int64_t by_k = kBlockBytes / static_cast<int64_t>(sizeof(T)) / most(least(k, kChunk), 1);
  const int64_t columns = least(by_k, kBlockColumnBytes / static_cast<int64_t>(sizeof(T)));
  return columns / kPanel<T> * kPanel<T>;
}

template <class T>
constexpr int64_t packed_a_size() {
  return divide_up(kTileRows * kChunk + Vec<T>::size, 16) * 16;
}

// Bytes of scratch for a part; enough for every smaller m and k too, and every smaller n but 1.
template <class T>
constexpr int64_t gemm_scratch(int64_t m, int64_t n, int64_t k) {
  if (n == 1) n = m;  // gemm_column
  const int64_t steps = least(k, kChunk);
  const int64_t columns = divide_up(n, kPanel<T>) * kPanel<T>;
  const int64_t block = least(columns * steps, kBlockBytes / static_cast<int64_t>(sizeof(T)));
  return (packed_a_size<T>() + block) * static_cast<int64_t>(sizeof(T));
}

struct Rectangle {
  int64_t row0, row1, col0, col1;
};

// A part's share: a grid of parts whose busiest cell works least. Columns split at whole vectors,
// which also keeps two parts off one cache line.
template <class T>
Rectangle share_of(int64_t m, int64_t n, int part, int parts) {
  if (parts == 1) return {0, m, 0, n};
  constexpr int64_t size = Vec<T>::size;
  const int64_t vectors = divide_up(n, size);
  int best = 1;
  int64_t best_cost = INT64_MAX;
  for (int across = 1; across <= parts; ++across) {
    if (parts % across != 0) continue;
    const int64_t rows = divide_up(m, parts / across);
    const int64_t columns = divide_up(vectors, across) * size;
    // A tile's rows cost alike; reading a column of B or a row of A costs about as a few of C.
    const int64_t cost = (rows + 3) * (columns + 6);
    if (cost < best_cost) {
      best_cost = cost;
      best = across;
    }
  }
  const int64_t down = parts / best;
  const int64_t i = part / best, j = part % best;
  return {m * i / down, m * (i + 1) / down, least(vectors * j / best * size, n),
          least(vectors * (j + 1) / best * size, n)};
}

// What one part does.
template <class T>
class GemmPart {
 public:
  GemmPart(const GemmArgs<T>& g, Rectangle share, Epilogue epilogue)
      : g_(g),
        share_(share),
        epilogue_(epilogue),
        packed_a_(g.scratch),
        packed_b_(g.scratch + packed_a_size<T>()) {
    const int64_t rows = share.row1 - share.row0;
    const int64_t bytes = (share.col1 - share.col0) * g.k * static_cast<int64_t>(sizeof(T));
    // A packed panel of B pays from the third tile of rows on.
    pack_b_ = g.trans_b || (rows > 2 * kTileRows && bytes > kSmallBytes);
    tiles_ = divide_up(rows, kTileRows);
  }

  void run() {
    if (share_.row0 >= share_.row1 || share_.col0 >= share_.col1) return;
    const int64_t width = block_columns<T>(g_.k);
    for (int64_t col = share_.col0; col < share_.col1; col += width) {
      const int64_t end = least(col + width, share_.col1);
      for (int64_t k0 = 0; k0 == 0 || k0 < g_.k; k0 += kChunk) block(col, end, k0);
    }
  }

 private:
  void block(int64_t col0, int64_t col1, int64_t k0) {
    const int64_t steps = least(g_.k - k0, kChunk);
    if (pack_b_) pack_block(col0, col1, k0, steps);
    // An in-place A is read once per panel; packing it pays when there are several, or when its
    // rows fall on the same cache sets.
    const int64_t panels = divide_up(col1 - col0, kPanel<T>);
    const bool aliased = !g_.trans_a && g_.lda * static_cast<int64_t>(sizeof(T)) % 1024 == 0;
    const int64_t rows = share_.row1 - share_.row0;
    const bool few = rows <= TileTable<T>::kWideRows && !pack_b_ && !g_.trans_a;
    const bool pack_a = !few && panels >= (aliased ? 2 : 6);
    const bool last = k0 + steps >= g_.k;
    const int64_t batch =
        kEpilogueBytes / static_cast<int64_t>(sizeof(T)) / (col1 - col0);  // rows per epilogue call
    int64_t waiting = share_.row0;
    for (int64_t i = 0; i < tiles_; ++i) {
      const int64_t row0 = share_.row0 + rows * i / tiles_;
      const int64_t row1 = share_.row0 + rows * (i + 1) / tiles_;
      tile_row({row0, row1, col0, col1}, k0, steps, pack_a);
      if (last && (i + 1 == tiles_ || row1 - waiting >= batch)) {
        epilogue_(waiting, row1, col0, col1);
        waiting = row1;
      }
    }
  }

  // Panels of kPanel columns one after the other; a last one of up to a vector is that wide.
  void pack_block(int64_t col0, int64_t col1, int64_t k0, int64_t steps) {
    T* to = packed_b_;
    for (int64_t col = col0; col < col1; col += kPanel<T>) {
      const int64_t count = least(col1 - col, kPanel<T>);
      const int64_t width = divide_up(count, Vec<T>::size) * Vec<T>::size;
      if (g_.trans_b) {
        pack_columns(to, width, g_.b + col * g_.ldb + k0, g_.ldb, count, steps);
      } else {
        pack_rows(to, width, g_.b + k0 * g_.ldb + col, g_.ldb, count, steps);
      }
      to += width * steps;
    }
  }

  // Fills in how this row of tiles reads A.
  AForm place_a(TileArgs<T>& t, int64_t row, int64_t rows, int64_t k0, bool pack) {
    const T* a = g_.trans_a ? g_.a + k0 * g_.lda + row : g_.a + row * g_.lda + k0;
    if (!pack) {
      t.a = a;
      t.step = g_.lda;
      return g_.trans_a ? kAByStep : kAByRow;
    }
    if (g_.trans_a) {
      pack_rows(packed_a_, rows, a, g_.lda, rows, t.k);
    } else {
      pack_columns(packed_a_, rows, a, g_.lda, rows, t.k);
    }
    t.a = packed_a_;
    t.step = rows;
    return kAByStep;
  }

  void tile_row(Rectangle r, int64_t k0, int64_t steps, bool pack_a) {
    constexpr int size = Vec<T>::size;
    const int rows = static_cast<int>(r.row1 - r.row0);
    TileArgs<T> t;
    t.k = steps;
    t.first = k0 == 0;
    t.last = k0 + steps >= g_.k;
    t.ldc = g_.ldc;
    const AForm form = place_a(t, r.row0, rows, k0, pack_a);
    t.c = g_.c + r.row0 * g_.ldc + r.col0;
    t.b = pack_b_ ? packed_b_ : g_.b + k0 * g_.ldb + r.col0;
    t.ldb = g_.ldb;
    int64_t left = r.col1 - r.col0;
    if (!pack_b_ && form == kAByRow && rows <= TileTable<T>::kWideRows) {
      t.tail = size;
      for (int level = 0; level < 2; ++level) {
        const int64_t width = TileTable<T>::wide_vectors(rows, level) * size;
        for (; left >= width; left -= width) {
          kTiles<T>.wide[level][rows - 1](t);
          t.b += width;
          t.c += width;
        }
      }
    }
    for (; left > 0; left -= kPanel<T>) {
      const int64_t count = least(left, kPanel<T>);
      const int vectors = static_cast<int>(divide_up(count, size));
      t.tail = static_cast<int>(count - (vectors - 1) * size);
      if (pack_b_) t.ldb = vectors * size;
      // Packed panels are whole vectors: only C has a tail then.
      const int b_tail = !pack_b_ && t.tail != size;
      kTiles<T>.regular[form][b_tail][vectors - 1][rows - 1](t);
      t.b += pack_b_ ? t.ldb * steps : kPanel<T>;
      t.c += kPanel<T>;
    }
  }

  const GemmArgs<T>& g_;
  const Rectangle share_;
  const Epilogue epilogue_;
  T* const packed_a_;
  T* const packed_b_;
  bool pack_b_;
  int64_t tiles_;
};

}  // namespace feedfwd::FF_ISA
