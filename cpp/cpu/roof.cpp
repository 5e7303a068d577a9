#include "cpu/roof.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

#include "cpu/code.h"
#include "cpu/dispatch.h"

namespace feedfwd {

namespace {

constexpr int kRounds = 7;
constexpr int64_t kBurnSteps = 2'000'000;
constexpr size_t kCopyBytes = size_t{96} << 20;  // each way: past any L3 cache of today's desktops

template <class F>
double best_seconds(int parts, F work) {
  double best = 1e300;
  for (int round = 0; round < kRounds; ++round) {
    const auto begun = std::chrono::steady_clock::now();
    team().run(parts, [&](Worker& w) { w.for_my_parts(work); });
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
    best = std::min(best, taken.count());
  }
  return best;
}

}  // namespace

double fma_peak(int parts, bool single) {
  const auto burn = single ? active_kernels().burn_f32 : active_kernels().burn_f64;
  std::atomic<int64_t> done{0};
  std::atomic<double> sink{0};
  const double seconds = best_seconds(parts, [&](int) {
    double sum = 0;
    done = burn(kBurnSteps, &sum);
    sink = sum;
  });
  return static_cast<double>(done) * parts / seconds;
}

double copy_bandwidth(int parts) {
  const auto from = allocate_zeroed(kCopyBytes), to = allocate_zeroed(kCopyBytes);
  char* const source = static_cast<char*>(from.get());
  char* const target = static_cast<char*>(to.get());
  const size_t share = kCopyBytes / static_cast<size_t>(parts);
  // Zero pages of the system's may all be one: written first, they are memory.
  std::memset(source, 1, kCopyBytes);
  std::memset(target, 2, kCopyBytes);
  const double seconds = best_seconds(parts, [&](int part) {
    const size_t first = share * static_cast<size_t>(part);
    std::memcpy(target + first, source + first, share);
  });
  return 2.0 * static_cast<double>(share) * parts / seconds;
}

}  // namespace feedfwd
