// The CUDA runtime as the backend uses it: errors as exceptions, one device, one stream.
#pragma once

#include <cuda_runtime.h>

#include <memory>
#include <new>
#include <string>

namespace feedfwd::gpu {

// Throws OutOfMemory where the device's memory runs out, else std::runtime_error that names
// what failed.
void check(cudaError_t error, const char* what);

// Python's MemoryError.
class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(size_t bytes);  // asked for; 0: not known
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

struct Machine {
  int device = 0;
  int processors = 1;           // SMs
  size_t shared_per_block = 0;  // bytes a block may ask for
  int capability = 0;           // 10 major + minor
  std::string name;
  // A tile of the matmul is taken where at least so many of it, per processor, come out; largest
  // tile first (gemm_table.h). The bits do not depend on it. From the file that FEEDFWD_TILES
  // names, lines of DTYPE NUMBER NUMBER NUMBER, which bench/tune_tiles.py measures.
  double least_tiles32[3] = {0.75, 0.75, 0};
  double least_tiles64[2] = {0.75, 0};
};

// The first device that can be used. Throws std::invalid_argument with one sentence that says why
// there is none: no driver, one too old, no device, hidden devices, a device too old.
Machine find_machine();

}  // namespace feedfwd::gpu
