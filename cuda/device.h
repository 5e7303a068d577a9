// What kernels may use, on a GPU and on the host shim of the tests (docs/gpu.md): one way to shared
// memory, shuffles of whole warps, sums over the grid. No CUDA math names: core/math has them.
#pragma once

#include <cuda_runtime.h>

#include "core/bound.h"
#include "core/math/numeric.h"

#define FF_KERNEL __global__ void
#define FF_DEV __device__ __forceinline__
// Big bodies that several places of a kernel share.
#define FF_DEV_CALL inline __device__ __attribute__((noinline))

namespace feedfwd::gpu {

// The block's dynamic shared memory from a byte on.
#if defined(__CUDACC__)
template <class T>
FF_DEV T* shared(size_t offset = 0) {
  extern __shared__ __align__(16) unsigned char ff_shared[];
  return reinterpret_cast<T*>(ff_shared + offset);
}
#else
template <class T>
inline T* shared(size_t offset = 0) {
  return reinterpret_cast<T*>(shim::shared_memory() + offset);
}
#endif

constexpr unsigned kFullWarp = 0xffffffffu;

// All 32 threads of the warp take part, always.
template <class T>
FF_DEV T shuffle_down(T value, int by) {
  return __shfl_down_sync(kFullWarp, value, by);
}
template <class T>
FF_DEV T shuffle(T value, int lane) {
  return __shfl_sync(kFullWarp, value, lane);
}

FF_DEV int64_t grid_thread() { return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; }
FF_DEV int64_t grid_threads() { return static_cast<int64_t>(gridDim.x) * blockDim.x; }

FF_DEV int64_t rows_of(const BoundRef& r, const StepState& s) {
  return r.rows_batch ? r.rows_n * s.rows : r.rows_n;
}
FF_DEV int64_t cols_of(const BoundRef& r, const StepState& s) {
  return r.cols_batch ? r.cols_n * s.rows : r.cols_n;
}
// Steps after one whose loss was not finite change nothing any more.
FF_DEV bool is_over(const StepState& s) { return s.bad_step >= 0 && s.index > s.bad_step; }
template <class T>
FF_DEV T* at(const BoundRef& r, int64_t row, int64_t col) {
  return reinterpret_cast<T*>(r.data) + row * r.row_stride + col * r.col_stride;
}

// The elements of an operand in row-major order.
template <class T>
struct Line {
  T* p;
  int64_t width, row_stride, col_stride;

  FF_DEV Line(const BoundRef& r, const StepState& s)
      : p(reinterpret_cast<T*>(r.data)),
        width(cols_of(r, s)),
        row_stride(r.row_stride),
        col_stride(r.col_stride) {
    const int64_t rows = rows_of(r, s);
    if (width == 1 && rows != 1) {  // a column is a row of that stride
      width = rows;
      col_stride = row_stride;
    }
  }
  FF_DEV T& operator[](int64_t k) const {
    if (k < width) return p[k * col_stride];
    return p[k / width * row_stride + k % width * col_stride];
  }
};

}  // namespace feedfwd::gpu
