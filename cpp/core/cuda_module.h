// What the module feedfwd._cuda tells feedfwd._core.
#pragma once

#include <memory>

namespace feedfwd {

class Backend;

struct CudaModule {
  const char* version;  // must be _core's
  std::shared_ptr<Backend> (*make)();
};
constexpr const char* kCudaCapsule = "feedfwd._cuda.backend";

// How the program around the core makes the CUDA backend; without one there is none.
void set_cuda_maker(std::shared_ptr<Backend> (*maker)());

}  // namespace feedfwd
