#include "core/backend.h"

#include <mutex>
#include <stdexcept>

namespace feedfwd {

std::shared_ptr<Backend> get_backend(const std::string& device) {
  static std::mutex mutex;
  static std::shared_ptr<Backend> cpu, cuda;
  const std::lock_guard lock(mutex);
  if (device == "auto" || device == "cuda") {
    try {
      if (!cuda) cuda = make_cuda_backend();
      return cuda;
    } catch (const std::invalid_argument&) {
      if (device == "cuda") throw;
    }
  } else if (device != "cpu") {
    throw std::invalid_argument("device: got '" + device + "', expected 'cpu', 'cuda' or 'auto'");
  }
  if (!cpu) cpu = make_cpu_backend();
  return cpu;
}

}  // namespace feedfwd
