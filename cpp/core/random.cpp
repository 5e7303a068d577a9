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

// A word, and the row it was drawn for in the lower half: in their order no two are alike.
using Keyed = uint64_t;
constexpr int64_t kMostRows = int64_t{1} << 32;

// So few that clearing a radix sort's counts would take longer than sorting by comparison.
constexpr int64_t kFewRows = 256;

// Radix sort by word, least significant digit first: stable, so that the rows of a word keep their
// order, and several times faster than comparing.
void sort_by_word(std::vector<Keyed>& rows) {
  constexpr int kBits = 11, kDigits = 1 << kBits, kPasses = 3;
  const auto digit = [](Keyed row, int pass) {
    return (row >> (32 + kBits * pass)) & (kDigits - 1);
  };
  std::array<std::array<int64_t, kDigits>, kPasses> start{};
  for (const Keyed row : rows) {
    for (int pass = 0; pass < kPasses; ++pass) ++start[pass][digit(row, pass)];
  }
  std::vector<Keyed> sorted(rows.size());
  for (int pass = 0; pass < kPasses; ++pass) {
    std::exclusive_scan(start[pass].begin(), start[pass].end(), start[pass].begin(), int64_t{0});
    for (const Keyed row : rows) sorted[start[pass][digit(row, pass)]++] = row;
    rows.swap(sorted);
  }
}

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
  if (n < 0 || n > kMostRows) {
    throw std::invalid_argument("shuffled: got " + std::to_string(n) + " rows, expected 0 to 2^32");
  }
  Words words(seed, epoch, stream_of(0, Purpose::shuffle));
  std::vector<Keyed> rows(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) rows[i] = Keyed{words.next()} << 32 | static_cast<Keyed>(i);
  if (n <= kFewRows) {
    std::sort(rows.begin(), rows.end());
  } else {
    sort_by_word(rows);
  }
  std::vector<int64_t> order(rows.size());
  std::transform(rows.begin(), rows.end(), order.begin(),
                 [](Keyed row) { return static_cast<int64_t>(row & 0xffffffff); });
  return order;
}

}  // namespace feedfwd
