// Matmul C = op(A) op(B) in the fixed order (numerics, rule 1): k in chunks of 384, one fma chain
// per chunk from +0, chunk results added in rising order. A block makes a tile of C; where there
// are few tiles, blocks make chunks of it side by side and another kernel adds them.
#pragma once

#include "cuda/elementwise.h"
#include "cuda/half_warps.h"
#include "cuda/sums.h"

namespace feedfwd::gpu {

constexpr int kChunk = 384;

template <class T>
struct Product {
  const T *a, *b;
  T* c;
  int64_t lda, ldb, ldc;
  int64_t m, n, k;
};

// Of an instruction, with the rows that this step has.
template <class T>
FF_DEV Product<T> product_of(const BoundOp& op, const StepState& s) {
  const BoundRef &a = op.in[0], &b = op.in[1], &out = op.out[0];
  return {at<const T>(a, 0, 0), at<const T>(b, 0, 0), at<T>(out, 0, 0),
          a.row_stride,         b.row_stride,         out.row_stride,
          rows_of(out, s),      cols_of(out, s),      op.i[0] != 0 ? rows_of(a, s) : cols_of(a, s)};
}

FF_DEV int64_t chunks_of(int64_t k) { return k > kChunk ? (k + kChunk - 1) / kChunk : 1; }

// A tile of Rows x Cols, Up x Across of it a thread's. 16 bytes of a row are one load from shared
// memory, so a thread's rows and columns come in groups of that.
template <int Rows, int Cols, int Up, int Across, int Steps>
struct Shape2 {
  static constexpr int rows = Rows, cols = Cols, up = Up, across = Across;
  static constexpr int threads = Rows / Up * (Cols / Across);
  static constexpr int steps = Steps;  // of k in shared memory at a time; divides kChunk
  static constexpr int resident = 2;   // blocks of a processor at a time, at least
};

// `Extent` of a matrix' rows or columns, `steps` of k, in shared memory as [k][extent].
// Trans: memory lies along the extent, else along k.
template <class T, int Extent, int Threads, int Steps, bool AlongExtent>
struct Panel {
  static constexpr int steps = Steps;
  static constexpr int pitch = Extent + 16 / static_cast<int>(sizeof(T));
  static constexpr int each = Extent * steps / Threads;
  static constexpr size_t bytes = sizeof(T) * steps * pitch;
  static_assert(Extent * steps % Threads == 0);

  T held[each];

  // A thread's elements lie `hop` places, or steps, apart.
  static constexpr int line = AlongExtent ? Extent : steps, hop = Threads / line;
  static_assert(Threads % line == 0);

  static FF_DEV int along() { return static_cast<int>(threadIdx.x) % line; }
  static FF_DEV int across() { return static_cast<int>(threadIdx.x) / line; }

  // What lies beyond the matrix is never used, but for rows and columns that are not stored.
  FF_DEV void fetch(const T* from, int64_t ld, int places, int k) {
    const int most = AlongExtent ? k : places;
    const bool inside = along() < (AlongExtent ? places : k);
    from += across() * ld + along();
#pragma unroll
    for (int n = 0; n < each; ++n) {
      held[n] = inside && across() + n * hop < most ? from[n * hop * ld] : T(0);
    }
  }
  FF_DEV void put(T* to) const {
    to += AlongExtent ? across() * pitch + along() : along() * pitch + across();
#pragma unroll
    for (int n = 0; n < each; ++n) to[n * hop * (AlongExtent ? pitch : 1)] = held[n];
  }
};

// N numbers of a row of shared memory, in groups of 16 bytes that lie `apart`.
template <class T, int N>
FF_DEV void read_groups(const T* from, int first, int apart, T* to) {
  constexpr int whole = 16 / static_cast<int>(sizeof(T)), group = N < whole ? N : whole;
  struct alignas(group * sizeof(T)) Group {
    T v[group];
  };
#pragma unroll
  for (int g = 0; g < N / group; ++g) {
    const Group some = *reinterpret_cast<const Group*>(from + first * group + g * apart);
#pragma unroll
    for (int n = 0; n < group; ++n) to[g * group + n] = some.v[n];
  }
}

template <class T>
constexpr int group_of(int n) {
  const int whole = 16 / static_cast<int>(sizeof(T));
  return n < whole ? n : whole;
}

// Place n of a thread's N among the Extent of the tile.
template <class T, int Extent, int N>
FF_DEV int place_in_tile(int thread, int n) {
  constexpr int g = group_of<T>(N), apart = Extent / (N / g);
  return n / g * apart + thread * g + n % g;
}

template <class T, class S, bool TransA, bool TransB>
class Tile {
 public:
  using PanelA = Panel<T, S::rows, S::threads, S::steps, TransA>;
  using PanelB = Panel<T, S::cols, S::threads, S::steps, !TransB>;
  static constexpr size_t shared_bytes = 2 * (PanelA::bytes + PanelB::bytes);
  static_assert(sizeof(T) * S::rows / S::up * S::cols <= shared_bytes);

  FF_DEV Tile(const Product<T>& p, int64_t row, int64_t col) : p_(p), row_(row), col_(col) {
    rows_ = static_cast<int>(p.m - row < S::rows ? p.m - row : S::rows);
    cols_ = static_cast<int>(p.n - col < S::cols ? p.n - col : S::cols);
    thread_row_ = static_cast<int>(threadIdx.x) / (S::cols / S::across);
    thread_col_ = static_cast<int>(threadIdx.x) % (S::cols / S::across);
  }

  // acc = the chunk of k from k0 to k1.
  FF_DEV void chunk(int64_t k0, int64_t k1) {
#pragma unroll
    for (int i = 0; i < S::up; ++i) {
#pragma unroll
      for (int j = 0; j < S::across; ++j) acc[i][j] = T(0);
    }
    fetch(k0, k1);
    put(0);
    __syncthreads();
    int side = 0;
    for (int64_t k = k0; k < k1; k += S::steps, side ^= 1) {
      const bool more = k + S::steps < k1;
      if (more) fetch(k + S::steps, k1);
      if (k1 - k >= S::steps) {
#pragma unroll 8
        for (int step = 0; step < S::steps; ++step) multiply(side, step);
      } else {
        for (int step = 0; step < k1 - k; ++step) multiply(side, step);
      }
      if (more) put(side ^ 1);
      __syncthreads();
    }
  }

  // Row i of each thread's, put together in shared memory as [thread row][column of the tile].
  FF_DEV void put_slab(int i) const {
    T* const slab = shared<T>() + thread_row_ * S::cols;
#pragma unroll
    for (int j = 0; j < S::across; ++j)
      slab[offset<S::cols, S::across>(thread_col_, j)] = acc[i][j];
  }

  T acc[S::up][S::across];

 private:
  template <int Extent, int N>
  static FF_DEV int offset(int thread, int n) {
    return place_in_tile<T, Extent, N>(thread, n);
  }
  FF_DEV T* side_a(int side) const { return shared<T>(side * PanelA::bytes); }
  FF_DEV T* side_b(int side) const { return shared<T>(2 * PanelA::bytes + side * PanelB::bytes); }
  FF_DEV void fetch(int64_t k, int64_t k1) {
    const int left = static_cast<int>(k1 - k);
    a_.fetch(p_.a + (TransA ? k * p_.lda + row_ : row_ * p_.lda + k), p_.lda, rows_, left);
    b_.fetch(p_.b + (TransB ? col_ * p_.ldb + k : k * p_.ldb + col_), p_.ldb, cols_, left);
  }
  FF_DEV void put(int side) {
    a_.put(side_a(side));
    b_.put(side_b(side));
  }
  FF_DEV void multiply(int side, int step) {
    T x[S::up], y[S::across];
    read_groups<T, S::up>(side_a(side) + step * PanelA::pitch, thread_row_,
                          S::rows / (S::up / group_of<T>(S::up)), x);
    read_groups<T, S::across>(side_b(side) + step * PanelB::pitch, thread_col_,
                              S::cols / (S::across / group_of<T>(S::across)), y);
#pragma unroll
    for (int i = 0; i < S::up; ++i) {
#pragma unroll
      for (int j = 0; j < S::across; ++j) acc[i][j] = math::fma(x[i], y[j], acc[i][j]);
    }
  }

  const Product<T> p_;
  const int64_t row_, col_;
  int rows_, cols_;  // that exist
  int thread_row_, thread_col_;
  PanelA a_;
  PanelB b_;
};

FF_HD bool same_place(const BoundRef& x, const BoundRef& y) {
  return x.data == y.data && x.row_stride == y.row_stride && x.col_stride == y.col_stride;
}

// Whether a kernel can make `op` of the number that `before` has just given.
FF_HD bool follows_quickly(const BoundOp& op, const BoundOp& before) {
  const BoundRef& made = before.out[0];
  if (op.out[0].dtype != made.dtype) return false;
  switch (op.op) {
    case Op::Add:
      return same_place(op.in[0], made) && op.in[1].dtype == made.dtype &&
             !same_place(op.in[1], made);
    case Op::Map:
      return same_place(op.in[0], made);
    case Op::MapGrad:
      return same_place(op.in[1], made) && !same_place(op.in[0], made);
    default:
      return false;
  }
}

// How many of the `count` ops after a product its kernel makes.
FF_HD int quick_followers(const BoundOp* ops, int count) {
  int n = 0;
  while (n < count && follows_quickly(ops[n + 1], ops[n])) ++n;
  return n;
}

// What follows a product, on the numbers while they are in registers: `count` ops that
// follows_quickly lets pass, each of what the one before made.
template <class T>
class Followers {
 public:
  FF_DEV Followers(const BoundOp* ops, int count) : ops_(ops), count_(count) {}

  // The product's value is final; what the plan wants in memory comes there.
  FF_DEV void operator()(int64_t row, int64_t col, T value) const {
    T* last = at<T>(ops_[0].out[0], row, col);
    for (int n = 1; n <= count_; ++n) {
      const BoundOp& op = ops_[n];
      T* to = at<T>(op.out[0], row, col);
      if (to != last) *last = value;
      last = to;
      value = apply(op, value, row, col);
    }
    *last = value;
  }

 private:
  static FF_DEV T apply(const BoundOp& op, T value, int64_t row, int64_t col) {
    if (op.op == Op::Add) return value + *at<const T>(op.in[1], row, col);
    const T alpha = static_cast<T>(op.f[0]);
    if (op.op == Op::Map) return map_value(op.fn, value, alpha);
    return value * map_slope(op.fn, *at<const T>(op.in[0], row, col), alpha);
  }

  const BoundOp* ops_;
  int count_;
};

// The tile of a block: neighbours share rows of A while they are in the L2 cache.
template <class S>
struct Place {
  int64_t row, col;
  FF_DEV Place(int64_t m, int64_t n, int64_t tile) {
    constexpr int64_t kGroup = 8;
    const int64_t down = (m + S::rows - 1) / S::rows, across = (n + S::cols - 1) / S::cols;
    const int64_t group = tile / (kGroup * across), first = group * kGroup;
    const int64_t tall = down - first < kGroup ? down - first : kGroup;
    const int64_t inside = tile % (kGroup * across);
    row = (first + inside % tall) * S::rows;
    col = inside / tall * S::cols;
  }
};

// What a block does, but for the sums.
template <class T>
struct Task {
  const BoundOp* ops;  // ops[0] is the product
  int followers;
  T* partial;  // not null: the chunk stays apart, here
  const StepState* state;
  int64_t row, col;  // of the tile
  int64_t chunk, chunks;
};

// Chunk results of the slab that lies in shared memory: they join what is in memory, and the last
// ones meet what follows the product. A function of its own, since a tile has several slabs.
template <class T, class S>
FF_DEV_CALL void finish_slab(const Task<T>& task, int i) {
  const Product<T> p = product_of<T>(task.ops[0], *task.state);
  const Followers<T> followers(task.ops, task.followers);
  const T* const slab = shared<T>();
  for (int e = static_cast<int>(threadIdx.x); e < S::rows / S::up * S::cols; e += S::threads) {
    const int64_t row = task.row + place_in_tile<T, S::rows, S::up>(e / S::cols, i);
    const int64_t col = task.col + e % S::cols;
    if (row >= p.m || col >= p.n) continue;
    const T value = slab[e];
    if (task.partial != nullptr) {
      task.partial[(task.chunk * p.m + row) * p.n + col] = value;
      continue;
    }
    T& place = p.c[row * p.ldc + col];
    const T sum = task.chunk == 0 ? value : math::keep(place + value);
    if (task.chunk + 1 < task.chunks) {
      place = sum;
    } else {
      followers(row, col, sum);
    }
  }
}

// All of a tile's chunks, or the one that `partial` is for.
template <class T, class S, bool TransA, bool TransB>
FF_DEV void make_tile(const Product<T>& p, Task<T> task, int64_t end) {
  Tile<T, S, TransA, TransB> tile(p, task.row, task.col);
  for (; task.chunk < end; ++task.chunk) {
    const int64_t first = task.chunk * kChunk;
    tile.chunk(first, first + kChunk < p.k ? first + kChunk : p.k);
#pragma unroll
    for (int i = 0; i < S::up; ++i) {
      tile.put_slab(i);
      __syncthreads();
      finish_slab<T, S>(task, i);
      __syncthreads();
    }
  }
}

// The tile-th tile, all of it or with `partial` its chunk-th chunk; for tiles and chunks that the
// step does not have nothing.
template <class T, class S, bool TransA, bool TransB>
FF_DEV void make_part(const BoundOp* ops, int followers, T* partial, const StepState& state,
                      int64_t tile, int64_t chunk) {
  const Product<T> p = product_of<T>(ops[0], state);
  const int64_t tiles = ((p.m + S::rows - 1) / S::rows) * ((p.n + S::cols - 1) / S::cols);
  const int64_t chunks = chunks_of(p.k);
  if (tile >= tiles || (partial != nullptr && chunk >= chunks)) return;
  const Place<S> place(p.m, p.n, tile);
  const int64_t first = partial != nullptr ? chunk : 0;
  make_tile<T, S, TransA, TransB>(
      p, {ops, followers, partial, &state, place.row, place.col, first, chunks},
      partial != nullptr ? chunk + 1 : chunks);
}

template <class T, class S, bool TransA, bool TransB>
FF_KERNEL __launch_bounds__(S::threads, S::resident)
    gemm_kernel(const BoundOp* ops, int followers, T* partial, const StepState* state) {
  if (is_over(*state)) return;
  make_part<T, S, TransA, TransB>(ops, followers, partial, *state, blockIdx.x, blockIdx.y);
}

// b has at most 4 columns: 16 lanes over the whole of k, then the tree (rule 1's exception).
template <class T>
FF_DEV void lanes_rows(const BoundOp* ops, int followers, const StepState& state,
                       const Span& span) {
  const Product<T> p = product_of<T>(ops[0], state);
  const int64_t step_b = ops->i[1] != 0 ? 1 : p.ldb, column_b = ops->i[1] != 0 ? p.ldb : 1;
  const Followers<T> follow(ops, followers);
  for_rows(span, [&](const HalfWarp& half, int64_t r, bool exists) {
    for (int64_t j = 0; j < p.n; ++j) {
      T acc = 0;
      for (int64_t k = half.lane; k < p.k; k += kLanes) {
        acc = math::fma(p.a[r * p.lda + k], p.b[k * step_b + j * column_b], acc);
      }
      const T sum = math::keep(half.tree(acc, [](T x, T y) { return x + y; }));
      if (exists && half.lane == 0) follow(r, j, sum);
    }
  });
}

// Adds the chunks that were made apart.
template <class T>
FF_DEV void join_product(const BoundOp* ops, int count, const T* partial, const StepState& state,
                         int64_t thread, int64_t threads) {
  const Product<T> p = product_of<T>(ops[0], state);
  const int64_t all = p.m * p.n;
  const Followers<T> followers(ops, count);
  for (int64_t i = thread; i < all; i += threads)
    followers(i / p.n, i % p.n, math::keep(joined(partial + i, chunks_of(p.k), all)));
}

}  // namespace feedfwd::gpu
