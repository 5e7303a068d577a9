#include "cpu/dispatch.h"

#include <cstdlib>
#include <stdexcept>

namespace feedfwd {

namespace generic {
extern const Kernels kernels;
}
#if defined(FF_HAVE_AVX2)
namespace avx2 {
extern const Kernels kernels;
}
#endif
#if defined(FF_HAVE_AVX512)
namespace avx512 {
extern const Kernels kernels;
}
#endif
#if defined(FF_HAVE_NEON)
namespace neon {
extern const Kernels kernels;
}
#endif

std::vector<const Kernels*> available_kernels() {
  std::vector<const Kernels*> out = {&generic::kernels};
#if defined(FF_HAVE_AVX2)
  // These ask CPU and operating system (XCR0) alike.
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    out.push_back(&avx2::kernels);
  }
#endif
#if defined(FF_HAVE_AVX512)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("fma")) {
    out.push_back(&avx512::kernels);
  }
#endif
#if defined(FF_HAVE_NEON)
  out.push_back(&neon::kernels);  // every 64-bit ARM has it
#endif
  return out;
}

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Kernels* k : available_kernels()) names.emplace_back(k->name);
  return names;
}

namespace {

const Kernels& choose() {
  const std::vector<const Kernels*> all = available_kernels();
  const char* wanted = std::getenv("FEEDFWD_ISA");
  if (wanted == nullptr || *wanted == '\0') return *all.back();
  std::string names;
  for (const Kernels* k : all) {
    if (std::string(wanted) == k->name) return *k;
    names += (names.empty() ? "" : ", ") + std::string(k->name);
  }
  throw std::invalid_argument("FEEDFWD_ISA: '" + std::string(wanted) +
                              "' is not available on this machine; available: " + names);
}

}  // namespace

const Kernels& active_kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

const char* active_isa() { return active_kernels().name; }

}  // namespace feedfwd
