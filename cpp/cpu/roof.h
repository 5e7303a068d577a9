// What this machine can do at most: the roofs that speed is measured against.
#pragma once

namespace feedfwd {

// Multiplications and additions per second of `parts` threads that do nothing but fma on registers,
// float32 or float64; the best of several short runs.
double fma_peak(int parts, bool single);
// Bytes read and written per second of `parts` threads that copy memory far larger than the caches.
double copy_bandwidth(int parts);

}  // namespace feedfwd
