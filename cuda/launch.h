// Launching kernels: launch(kernel, grid, block, shared bytes, stream, arguments ...).
#pragma once

#include "cuda/device.h"
#include "cuda/runtime.h"

namespace feedfwd::gpu {

// Blocks for `work` threads of work, at most so many that they stay resident; kernels loop.
inline unsigned blocks_for(int64_t work, int block, int64_t most = 1 << 16) {
  const int64_t blocks = (work + block - 1) / block;
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks > most ? most : blocks);
}

#if defined(__CUDACC__)
template <class... P, class... A>
void launch(void (*kernel)(P...), dim3 grid, int block, size_t shared, cudaStream_t stream,
            A&&... arguments) {
  void* pointers[sizeof...(P) + 1];
  const auto call = [&](P... values) {
    int k = 0;
    ((pointers[k++] = const_cast<void*>(static_cast<const void*>(&values))), ...);
    check(cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid,
                           dim3(static_cast<unsigned>(block)), pointers, shared, stream),
          "a launch");
  };
  call(static_cast<P>(arguments)...);
}
#else
template <class... P, class... A>
void launch(void (*kernel)(P...), dim3 grid, int block, size_t shared, cudaStream_t stream,
            A&&... arguments) {
  const auto body = [kernel, ... values = static_cast<P>(arguments)] { kernel(values...); };
  const auto look = [... values = static_cast<P>(arguments)] { (shim::look_at(values), ...); };
  check(shim::launch(body, look, grid, dim3(static_cast<unsigned>(block)), shared, stream),
        "a launch");
}
#endif

}  // namespace feedfwd::gpu
