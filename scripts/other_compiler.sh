#!/bin/sh
# The kernels compile with clang too, which users on macOS have: all else is built with what there is.
if ! command -v clang++ >/dev/null; then
  echo "no clang++ here: the kernels were not compiled with it" >&2
  exit 0
fi
case $(uname -m) in
  x86_64 | amd64) isa=avx2 flags="-mavx2 -mfma -DFF_ISA_AVX2=1" ;;
  aarch64 | arm64) isa=neon flags="-DFF_ISA_NEON=1" ;;
  *) isa=generic flags="-DFF_ISA_GENERIC=1" ;;
esac
echo clang++ -fsyntax-only "cpp/cpu/isa_$isa.cpp"
exec clang++ -std=c++20 -fsyntax-only -Wall -Wextra -ffp-contract=off $flags "-DFF_ISA=$isa" -Icpp \
  "cpp/cpu/isa_$isa.cpp"
