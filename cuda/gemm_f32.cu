#include "cuda/gemm_table.h"

namespace feedfwd::gpu {

const TileTable32 kTiles32 = {{tile_choice<float, Large>(0.75), tile_choice<float, Middle>(0.75),
                               tile_choice<float, Small>(0)}};

}  // namespace feedfwd::gpu
