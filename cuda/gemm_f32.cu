#include "cuda/gemm_table.h"

namespace feedfwd::gpu {

const TileTable32 kTiles32 = {
    {tile_choice<float, Large>(), tile_choice<float, Middle>(), tile_choice<float, Small>()}};

}  // namespace feedfwd::gpu
