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

// The rotation brings high bits back down. The word is multiplied before it meets the lane: else a
// flip of its highest bit stays one bit, which a flip of one bit 64 bytes on takes back.
uint64_t step(uint64_t lane, uint64_t w, size_t i) {
  return std::rotl(lane + w * kOdd[i], 31) * kOdd[7 - i];
}

}  // namespace

Fingerprint::Fingerprint(uint64_t seed) : seed_(seed) {
  for (size_t i = 0; i < 8; ++i) lanes_[i] = seed ^ kOdd[i];
}

void Fingerprint::add(const void* data, size_t bytes) {
  const auto* at = static_cast<const unsigned char*>(data);
  std::array<uint64_t, 8> lanes = lanes_;
  bytes_ += bytes;
  for (; bytes >= 64; bytes -= 64, at += 64)
    for (size_t i = 0; i < 8; ++i) lanes[i] = step(lanes[i], word(at + 8 * i), i);
  lanes_ = lanes;
}

uint64_t Fingerprint::last(const void* data, size_t bytes) {
  const size_t whole = bytes / 64 * 64, left = bytes - whole;
  add(data, whole);
  std::array<unsigned char, 64> tail{};
  if (left > 0) std::memcpy(tail.data(), static_cast<const unsigned char*>(data) + whole, left);
  add(tail.data(), 64);
  uint64_t h = mixed(seed_ + bytes_ - 64 + left);
  for (const uint64_t lane : lanes_) h = mixed(h ^ mixed(lane)) + kOdd[2];
  return mixed(h);
}

uint64_t fingerprint(const void* data, size_t bytes, uint64_t seed) {
  return Fingerprint(seed).last(data, bytes);
}

}  // namespace feedfwd
