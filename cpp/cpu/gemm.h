// Matmul C = op(A) op(B) in the fixed order: k in chunks of 384, one fma chain per chunk from +0,
// chunk results added in rising order. A part computes a rectangle of C, alone and without waiting.
#pragma once

#include "cpu/bound.h"
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

inline constexpr int64_t kChunk = 384;  // the contract's, not a tuning value
// Of B: stays in L2 beside A and C. Half a megabyte of L2 is common where vectors have 256 bits.
#if defined(FF_ISA_AVX512)
inline constexpr int64_t kBlockBytes = 384 * 1024;
#else
inline constexpr int64_t kBlockBytes = 256 * 1024;
#endif
inline constexpr int64_t kBlockColumnBytes = 2048;  // of a row of C in a block: for L1
inline constexpr int64_t kBlockRows = 1440;        // of A: what packing B again costs is lost there
inline constexpr int64_t kSmallBytes = 32 * 1024;  // a B that stays in L1 as it is
inline constexpr int64_t kLargeBytes = 8 * 1024 * 1024;  // a B that no cache is sure to hold
inline constexpr int64_t kEpilogueBytes = 8 * 1024;
// Tiles whose rows of A are packed together: whole cache lines of a transposed A.
inline constexpr int64_t kGroupTiles = (48 + kTileRows - 1) / kTileRows;

constexpr int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
constexpr int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <class T>
inline constexpr int64_t kPanel = kTileVectors * Vec<T>::size;  // columns of a regular tile

static_assert(kTileVectors <= kPanelVectors && kTileRows / Vec<double>::size <= kPanelVectors);

// Columns of a block of B for chunks of up to `k` steps.
template <class T>
constexpr int64_t block_columns(int64_t k) {
  const int64_t by_k = kBlockBytes / static_cast<int64_t>(sizeof(T)) / most(least(k, kChunk), 1);
  const int64_t columns = least(by_k, kBlockColumnBytes / static_cast<int64_t>(sizeof(T)));
  return columns / kPanel<T> * kPanel<T>;
}

// Whether block_columns() has room for `columns`, whole panels: without a division, which is much
// beside a small product.
template <class T>
constexpr bool is_one_block(int64_t columns, int64_t k) {
  const int64_t bytes = columns * static_cast<int64_t>(sizeof(T));
  return bytes <= kBlockColumnBytes && bytes * most(least(k, kChunk), 1) <= kBlockBytes;
}

template <class T>
constexpr bool blocks_agree() {
  for (int64_t k : {0, 1, 7, 96, 128, 129, 383, 384, 1000}) {
    for (int64_t columns = 0; columns < 2000; columns += kPanel<T>) {
      if (is_one_block<T>(columns, k) != (columns <= block_columns<T>(k))) return false;
    }
  }
  return true;
}
static_assert(blocks_agree<float>() && blocks_agree<double>());

// Elements of a packed A of up to `rows` rows: all of a block of rows, since blocks of B may follow
// one another.
template <class T>
constexpr int64_t packed_a_size(int64_t rows, int64_t steps) {
  return divide_up(least(rows, kBlockRows) * steps + Vec<T>::size, 16) * 16;
}

// Bytes of scratch for a part; enough for every smaller m and k too, and every smaller n but 1.
template <class T>
constexpr int64_t gemm_scratch(int64_t m, int64_t n, int64_t k) {
  if (n == 1) n = m;  // gemm_column
  const int64_t steps = least(k, kChunk);
  const int64_t columns = divide_up(n, kPanel<T>) * kPanel<T>;
  const int64_t block = least(columns * steps, kBlockBytes / static_cast<int64_t>(sizeof(T)));
  return (packed_a_size<T>(m, steps) + block) * static_cast<int64_t>(sizeof(T));
}

// A part's share: a grid of parts whose busiest cell works least. Columns split at whole vectors,
// which also keeps two parts off one cache line.
template <class T>
Rect share_of(int64_t m, int64_t n, int part, int parts) {
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

// Rows in tiles of nearly the same height: the first `tall` have `height` rows, the rest one less.
struct Tiles {
  int64_t count, height, tall;

  explicit Tiles(int64_t rows, int64_t most = kTileRows)
      : count(divide_up(rows, most)),
        height(divide_up(rows, count)),
        tall(rows - count * (height - 1)) {}
  int64_t row(int64_t i) const { return i * height - most(i - tall, 0); }
};

// What one part does: blocks of rows; in each the chunks of k; in each blocks of columns, whose B
// is packed and meets the rows tile by tile.
template <class T>
class GemmPart {
 public:
  GemmPart(const GemmArgs<T>& g, Rect share, Epilogue epilogue)
      : g_(g), share_(share), epilogue_(epilogue), packed_a_(g.scratch) {
    const int64_t rows = share.row1 - share.row0, cols = share.col1 - share.col0;
    const int64_t bytes = cols * g.k * static_cast<int64_t>(sizeof(T));
    packed_b_ = g.scratch + packed_a_size<T>(rows, least(g.k, kChunk));
    // A packed panel of B pays from the third tile of rows on, and where strips of it, each row
    // another page, would come from memory.
    pack_b_ = g.trans_b || bytes > (rows > 2 * kTileRows ? kSmallBytes : kLargeBytes);
    // An in-place A is read once per panel; packing it pays when there are several, or when what
    // lies beside one another in the tile falls on the same cache sets.
    const int64_t panels = divide_up(cols, kPanel<T>);
    const bool aliased = g.lda * static_cast<int64_t>(sizeof(T)) % 1024 == 0;
    const bool few = rows <= TileTable<T>::kWideRows && !pack_b_ && !g.trans_a;
    // The panel of three reads A as it lies, which misses where its columns alias.
    three_ = kThreeRows > 0 && rows > TileTable<T>::kWideRows && !(g.trans_a && aliased);
    pack_a_ = !few && panels - (ends_in_three(cols) ? 2 : 0) >= (aliased ? 2 : 6);
    width_ = panels * kPanel<T>;
    keep_a_ = !is_one_block<T>(width_, g.k);
    if (keep_a_) width_ = divide_up(panels, divide_up(cols, block_columns<T>(g.k))) * kPanel<T>;
  }

  void run() {
    if (share_.row0 >= share_.row1 || share_.col0 >= share_.col1) return;
    for (int64_t row = share_.row0; row < share_.row1; row += kBlockRows) {
      const int64_t end = least(row + kBlockRows, share_.row1);
      for (int64_t k0 = 0; k0 == 0 || k0 < g_.k; k0 += kChunk) {
        for (int64_t col = share_.col0; col < share_.col1; col += width_) {
          block({row, end, col, least(col + width_, share_.col1)}, k0);
        }
      }
    }
  }

 private:
  // Whether the last panel of so many columns has three vectors.
  bool ends_in_three(int64_t columns) const {
    const int64_t vectors = divide_up(columns, Vec<T>::size);
    return three_ && vectors % 2 == 1 && vectors >= 3;
  }

  void block(Rect r, int64_t k0) {
    const int64_t steps = least(g_.k - k0, kChunk);
    const int64_t size = Vec<T>::size, columns = r.col1 - r.col0;
    const bool three = ends_in_three(columns);
    const int64_t regular = three ? (divide_up(columns, size) - 3) * size : columns;
    if (pack_b_) pack_block(r.col0, r.col1, r.col0 + regular, k0, steps);
    const bool last = k0 + steps >= g_.k;
    const bool pack_a = pack_a_ && (r.col0 == share_.col0 || !keep_a_);
    const Tiles tiles(r.row1 - r.row0);
    const int64_t row_bytes = columns * static_cast<int64_t>(sizeof(T));
    TileArgs<T> t = tile_args(r, k0, steps);
    const int64_t a_next = pack_a_ ? steps : g_.trans_a ? 1 : g_.lda;  // of the next row
    int64_t row = r.row0, waiting = r.row0;  // for the panel of three and the epilogue
    for (int64_t i = 0; i < tiles.count; ++i) {
      if (pack_a_ && i % kGroupTiles == 0) {
        t.a = packed_a_ + (keep_a_ ? tiles.row(i) * steps : 0);
        if (pack_a) pack_group(r.row0, tiles, i, k0, steps);
      }
      const int64_t rows = tiles.height - (i < tiles.tall ? 0 : 1);
      if (regular > 0) tile_row(t, static_cast<int>(rows), regular);
      t.a += rows * a_next;
      t.c += rows * g_.ldc;
      row += rows;
      if (i + 1 == tiles.count || (row - waiting + 1) * row_bytes > kEpilogueBytes) {
        if (three) panel_of_three({waiting, row, r.col0 + regular, r.col1}, r.col0, k0, steps);
        if (last) epilogue_(waiting, row, r.col0, r.col1);
        waiting = row;
      }
    }
  }

  // Tiles from `first` on, each k-major, one behind the other.
  void pack_group(int64_t row0, const Tiles& tiles, int64_t first, int64_t k0, int64_t steps) {
    const int64_t end = least(first + kGroupTiles, tiles.count);
    T* to = packed_a_ + (keep_a_ ? tiles.row(first) * steps : 0);
    for (int64_t i = first; i < end;) {
      const int64_t height = tiles.height - (i < tiles.tall ? 0 : 1);
      const int64_t row = row0 + tiles.row(i);
      if (g_.trans_a) {
        const int64_t alike = i < tiles.tall ? least(tiles.tall, end) - i : end - i;
        pack_panels(to, height, g_.a + k0 * g_.lda + row, g_.lda, alike, steps);
        to += alike * height * steps;
        i += alike;
      } else {
        pack_columns(to, height, g_.a + row * g_.lda + k0, g_.lda, height, steps);
        to += height * steps;
        ++i;
      }
    }
  }

  // Panels of kPanel columns one after the other; a last one may have one vector, or three.
  void pack_block(int64_t col0, int64_t col1, int64_t col_end, int64_t k0, int64_t steps) {
    T* to = packed_b_;
    int64_t col = col0;
    if (!g_.trans_b) {
      const int64_t whole = (col_end - col0) / kPanel<T>;
      pack_panels(to, kPanel<T>, g_.b + k0 * g_.ldb + col, g_.ldb, whole, steps);
      col += whole * kPanel<T>;
      to += whole * kPanel<T> * steps;
    }
    for (int64_t count; col < col1; col += count) {
      count = col < col_end ? least(col_end - col, kPanel<T>) : col1 - col;
      const int64_t width = divide_up(count, Vec<T>::size) * Vec<T>::size;
      if (g_.trans_b) {
        pack_columns(to, width, g_.b + col * g_.ldb + k0, g_.ldb, count, steps);
      } else {
        pack_rows(to, width, g_.b + k0 * g_.ldb + col, g_.ldb, count, steps);
      }
      to += width * steps;
    }
  }

  // For tiles that begin at r's corner; of B as it lies, or packed from r's column on.
  TileArgs<T> tile_args(Rect r, int64_t k0, int64_t steps) const {
    TileArgs<T> t;
    t.k = steps;
    t.a = g_.trans_a ? g_.a + k0 * g_.lda + r.row0 : g_.a + r.row0 * g_.lda + k0;
    t.step = g_.lda;
    t.b = pack_b_ ? packed_b_ : g_.b + k0 * g_.ldb + r.col0;
    t.ldb = g_.ldb;
    t.c = g_.c + r.row0 * g_.ldc + r.col0;
    t.ldc = g_.ldc;
    t.tail = Vec<T>::size;
    t.first = k0 == 0;
    t.last = k0 + steps >= g_.k;
    return t;
  }

  // The last three vectors of a block that begins at col0.
  void panel_of_three(Rect r, int64_t col0, int64_t k0, int64_t steps) {
    if constexpr (kThreeRows > 0) {
      constexpr int64_t size = Vec<T>::size;
      TileArgs<T> t = tile_args(r, k0, steps);
      t.tail = static_cast<int>(r.col1 - r.col0 - 2 * size);
      if (pack_b_) {
        t.b += (r.col0 - col0) * steps;
        t.ldb = 3 * size;
      }
      const auto& kernels =
          kTiles<T>.three[g_.trans_a ? kAByStep : kAByRow][!pack_b_ && t.tail != size];
      const Tiles tiles(r.row1 - r.row0, kThreeRows);
      for (int64_t i = 0; i < tiles.count; ++i) {
        const int64_t rows = tiles.height - (i < tiles.tall ? 0 : 1);
        kernels[rows - 1](t);
        t.a += rows * (g_.trans_a ? 1 : g_.lda);
        t.c += rows * g_.ldc;
      }
    }
  }

  // A row of tiles over so many columns.
  FF_INLINE void tile_row(TileArgs<T> t, int rows, int64_t columns) const {
    constexpr int size = Vec<T>::size;
    const AForm form = pack_a_ || g_.trans_a ? kAByStep : kAByRow;
    if (pack_a_) t.step = rows;
    if (!pack_b_ && form == kAByRow && rows <= TileTable<T>::kWideRows) {
      for (int level = 0; level < 2; ++level) {
        const int64_t width = TileTable<T>::wide_vectors(rows, level) * size;
        for (; columns >= width; columns -= width) {
          kTiles<T>.wide[level][rows - 1](t);
          t.b += width;
          t.c += width;
        }
      }
    }
    // Packed panels are whole vectors: only C has a tail then.
    const auto& kernels = kTiles<T>.regular[form];
    if (columns >= kPanel<T>) {
      const TileKernel<T> kernel = kernels[0][kTileVectors - 1][rows - 1];
      if (pack_b_) t.ldb = kPanel<T>;
      const int64_t next = pack_b_ ? kPanel<T> * t.k : kPanel<T>;
      for (; columns >= kPanel<T>; columns -= kPanel<T>) {
        kernel(t);
        t.b += next;
        t.c += kPanel<T>;
      }
    }
    if (columns > 0) {
      const int vectors = static_cast<int>(divide_up(columns, size));
      t.tail = static_cast<int>(columns - (vectors - 1) * size);
      if (pack_b_) t.ldb = vectors * size;
      kernels[!pack_b_ && t.tail != size][vectors - 1][rows - 1](t);
    }
  }

  const GemmArgs<T>& g_;
  const Rect share_;
  const Epilogue epilogue_;
  T* const packed_a_;
  T* packed_b_;
  bool pack_a_, pack_b_;
  bool three_;  // may a last panel have three vectors
  int64_t width_;
  bool keep_a_;  // packed for all blocks of columns, not for one
};

}  // namespace feedfwd::FF_ISA
