#include "core/random.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <stdexcept>
#include <string>

#include "core/math/philox.h"
#include "core/math/random.h"

namespace feedfwd {

namespace {

// Words of consecutive blocks; counter = (block low, block high, step, stream).
class Words {
 public:
  Words(uint64_t seed, uint32_t step, uint32_t stream)
      : seed_(seed), step_(step), stream_(stream) {}

  uint32_t next() {
    if (used_ == 4) {
      const uint32_t counter[4] = {static_cast<uint32_t>(block_),
                                   static_cast<uint32_t>(block_ >> 32), step_, stream_};
      math::philox4x32(counter, seed_, words_);
      ++block_;
      used_ = 0;
    }
    return words_[used_++];
  }

 private:
  uint64_t seed_;
  uint32_t step_, stream_;
  uint64_t block_ = 0;
  int used_ = 4;
  uint32_t words_[4];
};

// So few that clearing a radix sort's counts would take longer than sorting by comparison.
constexpr int64_t kFewRows = 256;

}  // namespace

std::vector<double> draw(Draw kind, int64_t n, double a, double b, uint64_t seed, uint32_t step,
                         uint32_t stream) {
  if (n < 0)
    throw std::invalid_argument("draw: n = " + std::to_string(n) + " came, n >= 0 expected");
  // Halfway between neighbours of the grid, so that no quantile is infinite.
  constexpr double kHalfStep = 0x1p-54;
  Words words(seed, step, stream);
  std::vector<double> values(static_cast<size_t>(n));
  for (double& value : values) {
    const uint32_t high = words.next(), low = words.next();
    const double u = math::uniform(high, low);
    switch (kind) {
      case Draw::uniform:
        value = a + u * (b - a);
        break;
      case Draw::normal:
        value = a + b * math::normal_quantile(std::min(u + kHalfStep, 1 - 0x1p-53));
        break;
      case Draw::truncated_normal:
        value = a + b * math::truncated_normal_quantile(u + kHalfStep);
        break;
    }
  }
  return values;
}

std::vector<int64_t> shuffled(int64_t n, uint64_t seed, uint32_t epoch) {
  if (n < 0) {
    throw std::invalid_argument("shuffled: n = " + std::to_string(n) + " came, n >= 0 expected");
  }
  Words words(seed, epoch, stream_of(0, Purpose::shuffle));
  if (n <= kFewRows) {
    std::array<uint64_t, kFewRows> keyed;
    const auto end = keyed.begin() + n;
    for (auto at = keyed.begin(); at != end; ++at)
      *at = (uint64_t{words.next()} << 32) | static_cast<uint64_t>(at - keyed.begin());
    std::sort(keyed.begin(), end);
    std::vector<int64_t> order(static_cast<size_t>(n));
    std::transform(keyed.begin(), end, order.begin(),
                   [](uint64_t k) { return static_cast<int64_t>(k & 0xffffffff); });
    return order;
  }
  std::vector<uint32_t> keys(static_cast<size_t>(n));
  for (uint32_t& key : keys) key = words.next();
  std::vector<int64_t> order(static_cast<size_t>(n)), sorted(order.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  // Radix sort, least significant digit first: stable, and several times faster than comparing.
  constexpr int kBits = 11, kDigits = 1 << kBits;
  for (int shift = 0; shift < 32; shift += kBits) {
    std::array<int64_t, kDigits + 1> start{};
    const auto digit = [&](int64_t i) { return (keys[i] >> shift) & (kDigits - 1); };
    for (int64_t i = 0; i < n; ++i) ++start[digit(i) + 1];
    for (int d = 0; d < kDigits; ++d) start[d + 1] += start[d];
    for (int64_t i : order) sorted[start[digit(i)]++] = i;
    order.swap(sorted);
  }
  return order;
}

}  // namespace feedfwd
