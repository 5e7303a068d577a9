#include "core/fingerprint.h"

#include <array>
#include <bit>
#include <cstring>

namespace feedfwd {
namespace {

// Fractions of the square roots of the first primes, made odd so that a product loses nothing.
constexpr std::array<uint64_t, 8> kOdd = {
    0x6a09e667f3bcc909, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

uint64_t word(const unsigned char* from) {
  uint64_t w;
  std::memcpy(&w, from, sizeof w);
  if constexpr (std::endian::native == std::endian::big) {
    uint64_t turned = 0;
    for (int i = 0; i < 8; ++i) turned |= (w >> (8 * i) & 0xff) << (56 - 8 * i);
    w = turned;
  }
  return w;
}

uint64_t mixed(uint64_t h) {
  h ^= h >> 32;
  h *= kOdd[0];
  h ^= h >> 29;
  h *= kOdd[1];
  return h ^ (h >> 32);
}

// The word is multiplied before it meets the lane: else a flip of its highest bit stays one bit,
// which a flip of one bit 64 bytes on takes back.
uint64_t step(uint64_t lane, uint64_t w, size_t i) {
  return std::rotl(lane + w * kOdd[i], 31) * kOdd[7 - i];
}

}  // namespace

uint64_t fingerprint(const void* data, size_t bytes, uint64_t seed) {
  const auto* at = static_cast<const unsigned char*>(data);
  // Eight lanes that do not wait for one another; the rotation brings high bits back down.
  std::array<uint64_t, 8> lanes;
  for (size_t i = 0; i < 8; ++i) lanes[i] = seed ^ kOdd[i];
  size_t left = bytes;
  for (; left >= 64; left -= 64, at += 64)
    for (size_t i = 0; i < 8; ++i) lanes[i] = step(lanes[i], word(at + 8 * i), i);
  std::array<unsigned char, 64> tail{};
  if (left > 0) std::memcpy(tail.data(), at, left);
  for (size_t i = 0; i < 8; ++i) lanes[i] = step(lanes[i], word(tail.data() + 8 * i), i);
  uint64_t h = mixed(seed + bytes);
  for (const uint64_t lane : lanes) h = mixed(h ^ mixed(lane)) + kOdd[2];
  return mixed(h);
}

}  // namespace feedfwd
