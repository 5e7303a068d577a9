#!/usr/bin/env bash
# Everything that needs a GPU, in one go of at most nine minutes: native build, tests, sanitizers,
# tile tuning, benchmarks. Logs and JSON come into FOLDER; summary.json says how each part went.
#
#   bench/gpu_session.sh FOLDER
#
# Needs Python 3.10 or later with NumPy, pytest and pybind11, CMake, a C++ compiler and nvcc; CuPy, PyTorch
# and JAX take part where they are installed. PYTHON names the interpreter.
set -u
if [ $# -ne 1 ]; then
  echo "usage: bench/gpu_session.sh FOLDER" >&2
  exit 2
fi
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
python=${PYTHON:-python3}
build=$root/build/gpu
site=$build/site
begun=$(date +%s)
worst=0
parts=""

# part NAME SECONDS COMMAND...: at most so long, and never beyond the nine minutes.
part() {
  local name=$1 most=$2 left start status
  shift 2
  left=$((540 - ($(date +%s) - begun)))
  [ "$most" -gt "$left" ] && most=$left
  start=$(date +%s)
  if [ "$most" -lt 5 ]; then
    status=124
  else
    echo "== $name (at most $most s)"
    timeout -k 5 "$most" "$@" >"$out/$name.log" 2>&1
    status=$?
    tail -n 4 "$out/$name.log"
  fi
  [ "$status" -ne 0 ] && worst=1
  parts="$parts${parts:+, }\"$name\": {\"status\": $status, \"seconds\": $(($(date +%s) - start))}"
  echo "{$parts}" >"$out/summary.json"
  return "$status"
}

compile() {
  cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release -DFEEDFWD_CUDA=ON \
    -DFEEDFWD_CUDA_ARCHITECTURES=native -DFEEDFWD_TESTS=OFF \
    -DPython_EXECUTABLE="$(command -v "$python")" \
    -Dpybind11_DIR="$("$python" -m pybind11 --cmakedir)" &&
    cmake --build "$build" -j "$(nproc)" &&
    rm -rf "$site" && mkdir -p "$site" && cp -r "$root/python/feedfwd" "$site/" &&
    cp "$build"/cpp/bindings/_core*.so "$build"/cuda/_cuda*.so "$site/feedfwd/"
}

nvidia-smi >"$out/nvidia-smi.txt" 2>&1
export -f compile
export root build site python
part build 200 bash -c compile || exit 1
export PYTHONPATH=$site
# Without the options of pyproject.toml, some of which want plugins.
run_tests=("$python" -m pytest -c /dev/null --rootdir "$root" -p no:cacheprovider -q
  -o "pythonpath=$root/tests" --import-mode=importlib)
part tests 110 "${run_tests[@]}" "$root/tests/cuda"
if command -v compute-sanitizer >/dev/null; then
  few=(-k "(test_products and 33) or test_programs or test_optimizers or (test_networks and narrow)" --maxfail=1)
  for tool in memcheck racecheck; do
    part "$tool" 70 compute-sanitizer --tool "$tool" --error-exitcode 9 --target-processes all \
      "${run_tests[@]}" "$root/tests/cuda" "${few[@]}"
  done
fi
part tiles 45 "$python" "$root/bench/tune_tiles.py" "$out"
[ -f "$out/tiles.txt" ] && export FEEDFWD_TILES=$out/tiles.txt
part goals 130 "$python" "$root/bench/gpu.py" --rounds 3 --out "$out/gpu.json"
part bench 60 "$python" -m feedfwd bench --quick --networks 64-64-64-10,64-512-512-10 \
  --batch-sizes 32,256,2048 --json "$out/bench.json"
echo "done in $(($(date +%s) - begun)) s: $out/summary.json"
exit "$worst"
