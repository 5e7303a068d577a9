// A fast hash of bytes: whether data are the same as before, not whether somebody forged them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace feedfwd {

// The same on every machine. Every bit of `data`, its length and `seed` count.
uint64_t fingerprint(const void* data, size_t bytes, uint64_t seed);

}  // namespace feedfwd
