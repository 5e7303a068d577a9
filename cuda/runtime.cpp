#include "cuda/runtime.h"

#include <cstdlib>
#include <fstream>
#include <new>
#include <sstream>
#include <stdexcept>

namespace feedfwd::gpu {

namespace {

constexpr int kLeastCapability = 75;

[[noreturn]] void unavailable(const std::string& why) {
  throw std::invalid_argument("device 'cuda' is not available: " + why + "; use device='cpu'");
}

std::string version(int number) {
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

std::string text_of(cudaError_t error) { return cudaGetErrorString(error); }

bool hides_devices() {
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  return visible != nullptr;
}

int count_devices() {
  int driver = 0, runtime = 0, count = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
    unavailable("this machine has no NVIDIA driver");
  }
  cudaRuntimeGetVersion(&runtime);
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess && count > 0) return count;
  (void)cudaGetLastError();
  if (error == cudaErrorInsufficientDriver) {
    unavailable("the NVIDIA driver supports CUDA " + version(driver) + ", this build needs " +
                version(runtime));
  }
  if (error != cudaSuccess && error != cudaErrorNoDevice) unavailable(text_of(error));
  if (hides_devices()) unavailable("CUDA_VISIBLE_DEVICES hides every GPU");
  unavailable("this machine has no NVIDIA GPU");
}

int attribute(cudaDeviceAttr which, int device) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, device), "asking the device");
  return value;
}

// "float32" and three numbers, or "float64" and two.
bool read_line(const std::string& text, Machine& machine) {
  std::istringstream line(text);
  std::string dtype, more;
  line >> dtype;
  const bool single = dtype == "float32";
  double* const least = single ? machine.least_tiles32 : machine.least_tiles64;
  for (int n = 0; n < (single ? 3 : 2); ++n) line >> least[n];
  return (single || dtype == "float64") && !line.fail() && !(line >> more);
}

void read_tiles(Machine& machine) {
  const char* path = std::getenv("FEEDFWD_TILES");
  if (path == nullptr) return;
  std::ifstream file(path);
  bool good = file.good();
  for (std::string line; good && std::getline(file, line);) good = read_line(line, machine);
  if (!good) {
    throw std::invalid_argument(std::string("FEEDFWD_TILES: ") + path +
                                " cannot be read, expected lines like 'float32 0.75 0.75 0'");
  }
}

}  // namespace

OutOfMemory::OutOfMemory(size_t bytes) {
  size_t free = 0, total = 0;
  const bool known = cudaMemGetInfo(&free, &total) == cudaSuccess;
  text_ = "cuda: the GPU's memory is full";
  if (bytes > 0) text_ += ": " + std::to_string(bytes) + " bytes more were asked for";
  if (known) {
    text_ +=
        ", " + std::to_string(free >> 20) + " of " + std::to_string(total >> 20) + " MiB are free";
  }
}

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  (void)cudaGetLastError();  // what was reported is not reported again
  if (error == cudaErrorMemoryAllocation) throw OutOfMemory(0);
  throw std::runtime_error(std::string("cuda: ") + what + " failed: " + text_of(error));
}

Machine find_machine() {
  count_devices();
  Machine machine;
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, machine.device), "asking the device");
  machine.name = properties.name;
  machine.capability = 10 * properties.major + properties.minor;
  if (machine.capability < kLeastCapability) {
    unavailable(machine.name + " has compute capability " + std::to_string(properties.major) + "." +
                std::to_string(properties.minor) + ", 7.5 or more is needed");
  }
  check(cudaSetDevice(machine.device), "choosing the device");
  machine.processors = attribute(cudaDevAttrMultiProcessorCount, machine.device);
  machine.shared_per_block =
      static_cast<size_t>(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, machine.device));
  read_tiles(machine);
  return machine;
}

}  // namespace feedfwd::gpu
