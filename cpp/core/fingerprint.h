// A fast hash of bytes: whether data are the same as before, not whether somebody forged them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace feedfwd {

// The same on every machine. Every bit of `data`, its length and `seed` count.
uint64_t fingerprint(const void* data, size_t bytes, uint64_t seed);

// The same of data that come in pieces: of a multiple of 64 bytes each, but for the last.
class Fingerprint {
 public:
  explicit Fingerprint(uint64_t seed);
  void add(const void* data, size_t bytes);
  uint64_t last(const void* data, size_t bytes);

 private:
  const uint64_t seed_;
  size_t bytes_ = 0;
  std::array<uint64_t, 8> lanes_;  // they do not wait for one another
};

}  // namespace feedfwd
