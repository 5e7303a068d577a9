// Stands in for the CUDA backend where it is not built.
#include "core/backend.h"

namespace feedfwd {

std::shared_ptr<Backend> make_cuda_backend() {
  throw std::invalid_argument(
      "device 'cuda' is not available: this build of feedfwd has no CUDA backend; "
      "use device='cpu'");
}

}  // namespace feedfwd
