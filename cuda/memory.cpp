#include "cuda/memory.h"

#include <new>

namespace feedfwd::gpu {

namespace {

constexpr size_t kMostKept = size_t{1} << 30;

// Few sizes, so that blocks fit again: eighths of powers of two.
size_t rounded(size_t bytes) {
  size_t step = 256;
  while (step * 16 <= bytes) step *= 2;
  if (bytes > SIZE_MAX - step) throw OutOfMemory(bytes);
  return bytes == 0 ? step : (bytes + step - 1) / step * step;
}

}  // namespace

Pool::~Pool() { free_kept(); }

std::shared_ptr<void> Pool::take(size_t bytes) {
  const size_t size = rounded(bytes);
  void* data = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(size);
    if (found != kept_.end()) {
      data = found->second;
      kept_.erase(found);
      kept_bytes_ -= size;
    }
  }
  if (data == nullptr) {
    if (cudaMalloc(&data, size) != cudaSuccess) {
      (void)cudaGetLastError();
      {
        const std::lock_guard lock(mutex_);
        free_kept();
      }
      if (cudaMalloc(&data, size) != cudaSuccess) {
        (void)cudaGetLastError();
        throw OutOfMemory(size);
      }
    }
  }
  try {
    return {data, [pool = shared_from_this(), size](void* block) { pool->give(block, size); }};
  } catch (...) {
    cudaFree(data);
    throw;
  }
}

void Pool::give(void* data, size_t bytes) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    if (kept_bytes_ + bytes <= kMostKept) {
      kept_.emplace(bytes, data);
      kept_bytes_ += bytes;
      return;
    }
  } catch (...) {
  }
  cudaFree(data);
}

void Pool::free_kept() {
  for (const auto& [bytes, data] : kept_) cudaFree(data);
  kept_.clear();
  kept_bytes_ = 0;
}

}  // namespace feedfwd::gpu
