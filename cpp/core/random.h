// What is drawn on the host: initial weights and the order of the rows (numerics, rule 8).
#pragma once

#include <cstdint>
#include <vector>

namespace feedfwd {

// Streams: position of the weight or layer, and the purpose.
enum class Purpose : uint32_t { weight = 0, dropout = 1, shuffle = 2, user = 3 };
constexpr uint32_t stream_of(uint32_t position, Purpose purpose) {
  return position * 4 + static_cast<uint32_t>(purpose);
}

enum class Draw : uint8_t { uniform, normal, truncated_normal };

// n values in float64. uniform: [a, b); normal: mean a, standard deviation b; truncated_normal:
// within 2 b of a.
std::vector<double> draw(Draw kind, int64_t n, double a, double b, uint64_t seed, uint32_t step,
                         uint32_t stream);

// Rows 0 .. n in the order of a stable sort by (word, index), into `order`; and as a vector.
void shuffle(int64_t n, uint64_t seed, uint32_t epoch, int64_t* order);
std::vector<int64_t> shuffled(int64_t n, uint64_t seed, uint32_t epoch);
// The same n; throws std::invalid_argument where it is no number of rows for them.
int64_t checked_rows(int64_t n);

}  // namespace feedfwd
