#include "core/backend.h"

#include <atomic>
#include <mutex>
#include <stdexcept>

#include "core/cuda_module.h"

namespace feedfwd {

namespace {

std::atomic<std::shared_ptr<Backend> (*)()> cuda_maker{nullptr};

std::shared_ptr<Backend> make_cuda_backend() {
  if (const auto maker = cuda_maker.load()) return maker();
  throw std::invalid_argument(
      "device 'cuda' is not available: this build of feedfwd has no CUDA backend; "
      "use device='cpu'");
}

// Made without the lock, since making may wait for the interpreter; the first one made stays.
std::shared_ptr<Backend> one_of(std::shared_ptr<Backend>& known,
                                std::shared_ptr<Backend> (*make)()) {
  static std::mutex mutex;
  {
    const std::lock_guard lock(mutex);
    if (known) return known;
  }
  std::shared_ptr<Backend> made = make();
  const std::lock_guard lock(mutex);
  if (!known) known = std::move(made);
  return known;
}

}  // namespace

void set_cuda_maker(std::shared_ptr<Backend> (*maker)()) { cuda_maker.store(maker); }

std::shared_ptr<Backend> get_backend(const std::string& device) {
  // Never destroyed: what they own may be gone before.
  static auto& cpu = *new std::shared_ptr<Backend>;
  static auto& cuda = *new std::shared_ptr<Backend>;
  if (device == "auto" || device == "cuda") {
    try {
      return one_of(cuda, make_cuda_backend);
    } catch (const std::invalid_argument&) {
      if (device == "cuda") throw;
    }
  } else if (device != "cpu") {
    throw std::invalid_argument("device: got '" + device + "', expected 'cpu', 'cuda' or 'auto'");
  }
  return one_of(cpu, make_cpu_backend);
}

}  // namespace feedfwd
