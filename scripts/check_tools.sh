#!/bin/sh
# Tries what a build needs; one sentence for each thing that is missing, and exit status 1.
# Usage: scripts/check_tools.sh [python|build]     python: interpreter and venv only
python=${PYTHON:-python3}
cxx=${CXX:-c++}
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
status=0

missing() {
  echo "feedfwd: $1" >&2
  status=1
}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
  missing "Python 3.10 or newer is missing ('$python' is not one): install the package python3, or set PYTHON."
  exit 1
fi
# The module imports even where Debian left its other half out, so make an environment and see.
if ! "$python" -m venv "$scratch/venv" >/dev/null 2>&1; then
  missing "Python's venv module is missing: install the package python3-venv (apt-get install python3-venv)."
fi

if [ "${1:-build}" = build ]; then
  echo '#include <concepts>
int main() { return std::integral<int> ? 0 : 1; }' >"$scratch/probe.cpp"
  if ! "$cxx" -std=c++20 "$scratch/probe.cpp" -o "$scratch/probe" 2>/dev/null; then
    missing "a C++20 compiler is missing ('$cxx' does not work): install the package g++ (apt-get install g++), version 10 or newer, or set CXX."
  else
    include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
    echo '#include <Python.h>' >"$scratch/probe.cpp"
    if ! "$cxx" -std=c++20 -fsyntax-only -I"$include" "$scratch/probe.cpp" 2>/dev/null; then
      missing "the Python headers (Python.h) are missing: install the package python3-dev (apt-get install python3-dev)."
    fi
  fi
fi
exit $status
