#include "core/random.h"

#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

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
constexpr int64_t kFewToSort = 256;

// Digits of a word, for a radix sort of three passes. Counts of 32 bits, so that all three fit the
// nearest cache: only a number of rows in front of a digit that has none may not fit them.
constexpr int kDigitBits = 11, kDigits = 1 << kDigitBits, kPasses = 3;
using Counts = std::array<std::array<uint32_t, kDigits>, kPasses>;

uint32_t digit_of(Keyed row, int pass) {
  return static_cast<uint32_t>(row >> (32 + kDigitBits * pass)) & (kDigits - 1);
}

// By word, the least significant digit first: stable, so that the rows of a word keep their order,
// and several times faster than comparing. The last pass leaves the words behind.
void sort_by_word(Keyed* rows, Keyed* other, int64_t n, Counts& counts, int64_t* order) {
  for (int pass = 0; pass < kPasses; ++pass) {
    std::array<uint32_t, kDigits>& next = counts[static_cast<size_t>(pass)];
    std::exclusive_scan(next.begin(), next.end(), next.begin(), uint32_t{0});
    if (pass + 1 == kPasses) {
      for (int64_t i = 0; i < n; ++i)
        order[next[digit_of(rows[i], pass)]++] = static_cast<int64_t>(rows[i] & 0xffffffff);
    } else {
      for (int64_t i = 0; i < n; ++i) other[next[digit_of(rows[i], pass)]++] = rows[i];
      std::swap(rows, other);
    }
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

int64_t checked_rows(int64_t n) {
  if (n < 0 || n > kMostRows) {
    throw std::invalid_argument("shuffled: got " + std::to_string(n) + " rows, expected 0 to 2^32");
  }
  return n;
}

void shuffle(int64_t n, uint64_t seed, uint32_t epoch, int64_t* order) {
  checked_rows(n);
  Words words(seed, epoch, stream_of(0, Purpose::shuffle));
  const auto size = static_cast<size_t>(n);
  const auto rows = std::make_unique_for_overwrite<Keyed[]>(size);
  const auto draw = [&](int64_t i) {
    return rows[i] = Keyed{words.next()} << 32 | static_cast<Keyed>(i);
  };
  if (n <= kFewToSort) {
    for (int64_t i = 0; i < n; ++i) draw(i);
    std::sort(rows.get(), rows.get() + n);
    for (int64_t i = 0; i < n; ++i) order[i] = static_cast<int64_t>(rows[i] & 0xffffffff);
    return;
  }
  const auto other = std::make_unique_for_overwrite<Keyed[]>(size);
  Counts counts{};
  for (int64_t i = 0; i < n; ++i) {
    const Keyed row = draw(i);
    for (int pass = 0; pass < kPasses; ++pass)
      ++counts[static_cast<size_t>(pass)][digit_of(row, pass)];
  }
  sort_by_word(rows.get(), other.get(), n, counts, order);
}

std::vector<int64_t> shuffled(int64_t n, uint64_t seed, uint32_t epoch) {
  std::vector<int64_t> order(static_cast<size_t>(checked_rows(n)));
  shuffle(n, seed, epoch, order.data());
  return order;
}

}  // namespace feedfwd
