// Philox4x32-10 (Salmon, Moraes, Dror and Shaw, 2011): four random words from a 128-bit counter and
// a 64-bit key.
#pragma once

#include "core/math/numeric.h"

namespace feedfwd::math {

// W: uint32_t, or lanes of it that offer +, ^, mul_lo, mul_hi and a constructor from uint32_t.
template <class W>
FF_HD void philox4x32(const W* counter, uint64_t key, W* out) {
  W c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const W high0 = mul_hi(c0, W(0xD2511F53u)), low0 = mul_lo(c0, W(0xD2511F53u));
    const W high1 = mul_hi(c2, W(0xCD9E8D57u)), low1 = mul_lo(c2, W(0xCD9E8D57u));
    c0 = high1 ^ c1 ^ W(k0);
    c1 = low1;
    c2 = high0 ^ c3 ^ W(k1);
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

// [0, 1) from one word for float32, from two for float64 (numerics, rule 8).
FF_HD float uniform(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }
FF_HD double uniform(uint32_t high, uint32_t low) {
  return static_cast<double>((static_cast<uint64_t>(high >> 5) << 26) | (low >> 6)) * 0x1p-53;
}

}  // namespace feedfwd::math
