// Which tile a product gets.
#pragma once

#include "cuda/call.h"
#include "cuda/gemm.h"

namespace feedfwd::gpu {

using Large = Shape2<128, 128, 8, 8, 8>;
using Middle = Shape2<64, 64, 4, 4, 16>;
using Small = Shape2<32, 32, 2, 2, 16>;

template <class T>
using GemmKernel = void (*)(const BoundOp*, int, T*, const StepState*);

template <class T>
struct TileChoice {
  GemmKernel<T> kernel[2][2];  // [transpose a][transpose b]
  int rows, cols, threads;
  size_t shared[2][2];
};

template <class T, class S>
constexpr TileChoice<T> tile_choice() {
  return {{{gemm_kernel<T, S, false, false>, gemm_kernel<T, S, false, true>},
           {gemm_kernel<T, S, true, false>, gemm_kernel<T, S, true, true>}},
          S::rows,
          S::cols,
          S::threads,
          {{Tile<T, S, false, false>::shared_bytes, Tile<T, S, false, true>::shared_bytes},
           {Tile<T, S, true, false>::shared_bytes, Tile<T, S, true, true>::shared_bytes}}};
}

// Large ones first; Machine says which is taken when. Defined beside the kernels: gemm_f32.cu,
// gemm_f64.cu.
struct TileTable32 {
  TileChoice<float> tiles[3];
};
struct TileTable64 {
  TileChoice<double> tiles[2];
};
// A product that gets the smallest tile: how many tiles, and in how many chunks side by side.
struct SmallProduct {
  bool is_small;
  int64_t tiles, chunks;
};
SmallProduct as_small_product(const BoundOp& op, int64_t capacity, const Machine& machine);

extern const TileTable32 kTiles32;
extern const TileTable64 kTiles64;

}  // namespace feedfwd::gpu
