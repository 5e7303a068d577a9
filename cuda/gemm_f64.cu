#include "cuda/gemm_table.h"

namespace feedfwd::gpu {

const TileTable64 kTiles64 = {{tile_choice<double, Middle>(0.75), tile_choice<double, Small>(0)}};

}  // namespace feedfwd::gpu
