#!/bin/sh
# Builds the C++ tests for 64-bit ARM and runs them in user-mode emulation, so that the NEON kernels
# are held to the same bits as the rest. Debian: apt-get install g++-aarch64-linux-gnu qemu-user
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build/aarch64

for tool in aarch64-linux-gnu-g++ qemu-aarch64 cmake ctest ninja; do
  if ! command -v $tool >/dev/null; then
    echo "aarch64: skipped, nothing was built or run: $tool is not installed" \
      "(apt-get install g++-aarch64-linux-gnu qemu-user cmake ninja-build)."
    exit 0
  fi
done

cmake -S "$root" -B "$build" -G Ninja \
  -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
  -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
  -DCMAKE_CROSSCOMPILING_EMULATOR="qemu-aarch64;-L;/usr/aarch64-linux-gnu" \
  -DFEEDFWD_PYTHON=OFF -DFEEDFWD_TESTS=ON
cmake --build "$build" --parallel
# Emulation is slow, so the ULP survey is left out (test_math holds every function to the same bits), and
# QEMU itself fails on threads started after fork, which test_threads checks.
ctest --test-dir "$build" --output-on-failure --no-tests=error --timeout 1800 --exclude-regex "^(ulp|test_threads)$"
