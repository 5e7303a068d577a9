// Device memory that is kept when it is let go of: asking the driver costs a hundred microseconds
// and waits for all that runs.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda/runtime.h"

namespace feedfwd::gpu {

// A block may be given to the next as soon as it is let go of: what is asked for later runs later
// (Queue, in code.h), and what a program uses is held until it has run.
class Pool : public std::enable_shared_from_this<Pool> {
 public:
  ~Pool();
  // 256-byte aligned, not set. Throws std::bad_alloc once what is kept has been freed in vain.
  std::shared_ptr<void> take(size_t bytes);

 private:
  void give(void* data, size_t bytes) noexcept;
  void free_kept();

  std::mutex mutex_;
  std::multimap<size_t, void*> kept_;  // by size
  size_t kept_bytes_ = 0;
};

}  // namespace feedfwd::gpu
