#!/bin/sh
# fuzz.sh SECONDS: libFuzzer on the reader of model files, under ASan and UBSan. A finding is kept in
# build/fuzz and is the exit status.
set -eu
seconds=${1:?how many seconds}
cd "$(dirname "$0")/../.."
clang=${CLANGXX:-clang++}
out=build/fuzz
mkdir -p "$out/corpus"

if ! echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' |
  "$clang" -x c++ -fsanitize=fuzzer,address,undefined - -o "$out/probe" 2>/dev/null; then
  if [ "${FUZZ_REQUIRED:-0}" = 0 ]; then
    echo "fuzz: left out, since $clang with libFuzzer is not installed (Debian, Ubuntu: apt-get install clang)"
    exit 0
  fi
  echo "fuzz: needs $clang with libFuzzer (Debian, Ubuntu: apt-get install clang)" >&2
  exit 1
fi

"$clang" -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Icpp \
  tests/fuzz/fuzz_safetensors.cpp cpp/core/safetensors.cpp cpp/core/json_reader.cpp \
  -o "$out/fuzz_safetensors"
status=0
"$out/fuzz_safetensors" -max_total_time="$seconds" -max_len=4096 -timeout=5 -print_final_stats=1 \
  -dict=tests/fuzz/safetensors.dict -artifact_prefix="$out/finding-" \
  "$out/corpus" tests/fuzz/corpus/safetensors >"$out/log.txt" 2>&1 || status=$?
runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/log.txt")
if [ "$status" != 0 ]; then
  tail -n 40 "$out/log.txt"
fi
echo "fuzz: $seconds s, ${runs:-?} executions, $([ "$status" = 0 ] && echo no || echo a) finding"
exit "$status"
