"""What can be known of the CUDA sources without a GPU: they compile, and the code is exact.

nvcc compiles every source, for one GPU or (--all) for those of a release, and the PTX is searched
for what the numerics contract (rule 11) forbids: flushed denormals, approximations, products and
sums without a rounding of their own, minima and maxima of floats, atomics on floats. Where nvcc is
missing it says so and passes.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
FORBIDDEN = {
    r"\.ftz\b": "flushes denormals",
    r"\.approx\b": "is an approximation",
    r"\.full\b": "is an approximation",
    r"^\s*(?:@%?\S+\s+)?(?:mul|add|sub)(?:\.sat)?\.f(?:32|64)\b": "has no rounding of its own",
    r"\b(?:min|max)(?:\.NaN|\.xorsign\.abs)*\.f(?:32|64)\b": "is not the contract's min or max",
    r"\b(?:atom|red)\.\S*\.f(?:16|32|64)\b": "sums in no fixed order",
    r"\bfma\.(?!rn\b)\w+\.f(?:32|64)\b": "rounds otherwise",
}


def cmake_value(pattern: str, path: str) -> str:
    found = re.search(pattern, (ROOT / path).read_text(encoding="utf-8"), re.DOTALL)
    if found is None:
        raise SystemExit(f"{path}: no {pattern}")
    return found[1]


def options() -> list[str]:
    """The ones the build uses."""
    text = cmake_value(r"COMPILE_LANGUAGE:CUDA>:([^>]*)>", "cuda/CMakeLists.txt")
    return ["-std=c++20", *text.split(), f"-I{ROOT}", f"-I{ROOT / 'cpp'}"]


def find_nvcc() -> str | None:
    return shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")


def release_gpus() -> list[str]:
    text = cmake_value(r'FEEDFWD_CUDA_ARCHITECTURES\s+"([^"]*)"', "CMakeLists.txt")
    return [a.removesuffix("-real") for a in text.split(";")]


def findings(ptx: str) -> list[str]:
    """Lines that the contract forbids, each with why."""
    found = []
    for number, line in enumerate(ptx.splitlines(), 1):
        code = line.split("//")[0]
        for pattern, why in FORBIDDEN.items():
            if re.search(pattern, code):
                found.append(f"line {number}: {code.strip()}: {why}")
    return found


def compile_one(nvcc: str, source: pathlib.Path, gpu: str, folder: pathlib.Path) -> list[str]:
    """What is wrong with a source; its PTX and cubin stay in a folder of their own."""
    own = folder / f"{source.stem}.{gpu}"
    own.mkdir()
    command = [nvcc, *options(), f"-arch=sm_{gpu}", "--keep", "--keep-dir", str(own)]
    command += ["-Xcompiler=-O0", "-c", str(source), "-o", str(own / "whole.o")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return [f"{source.name} for {gpu}: nvcc failed\n{done.stderr}"]
    [ptx] = own.glob("*.ptx")
    return [f"{source.name} for {gpu}: {f}" for f in findings(ptx.read_text())]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="for all GPUs of a release")
    everything = parser.parse_args().all
    nvcc = find_nvcc()
    if nvcc is None:
        line = "!" * 78
        print(f"{line}\ncuda-check: SKIPPED: no nvcc on this machine; nothing was compiled\n{line}")
        return 0
    gpus = release_gpus()
    if not everything:
        gpus = gpus[-3:-2]
    sources = sorted((ROOT / "cuda").glob("*.cu"))
    jobs = [(s, g) for g in gpus for s in sources]
    from concurrent.futures import ThreadPoolExecutor

    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(os.cpu_count()) as pool:
        folder = pathlib.Path(name)
        results = pool.map(lambda job: compile_one(nvcc, *job, folder), jobs)
        wrong = [line for lines in results for line in lines]
        sizes = sum(p.stat().st_size for p in folder.glob("*/*.cubin"))
    for line in wrong[:40]:
        print(line)
    print(
        f"cuda-check: {len(sources)} sources for {', '.join('sm_' + g for g in gpus)}: "
        f"{len(wrong)} findings, {sizes / 1e6:.1f} MB of code"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
