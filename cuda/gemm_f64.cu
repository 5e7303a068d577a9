#include "cuda/gemm_table.h"

namespace feedfwd::gpu {

const TileTable64 kTiles64 = {{tile_choice<double, Middle>(), tile_choice<double, Small>()}};

}  // namespace feedfwd::gpu
