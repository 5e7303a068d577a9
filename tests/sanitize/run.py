"""Build with sanitizers, run the tests under them, and fail at the first report.

    python tests/sanitize/run.py [--quick] [PART ...]

PART is one of memory-cpp, memory-python, memory-cuda (AddressSanitizer, its leak check, and
UndefinedBehaviorSanitizer; cuda is the CUDA backend on the host shim), threads-cpp and
threads-python (ThreadSanitizer); without one, all of them. --quick is the form for continuous
integration: fewer tests, and the generic kernels beside those of this machine only. What is
suppressed stands with its reason in *.supp here, what is left out in LEFT_OUT and SLICES below;
both are counted in the output.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import reports

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SANITIZERS = {"memory": "address,undefined", "threads": "thread"}
PARTS = ("memory-cpp", "memory-python", "memory-cuda", "threads-cpp", "threads-python")
QUICK_PARTS = ("memory-cpp", "memory-python", "threads-cpp")

# A sanitized process reserves terabytes of addresses and keeps freed memory for a while.
LEFT_OUT = {
    "tests/faults": "limits of memory, and kills: what they test are files",
    "tests/unit/test_layering.py": "reads sources and object files, runs nothing of the core",
    "tests/unit/test_extension_cost.py": "reads sources, runs nothing of the core",
    "tests/robustness/test_concurrency.py::test_ctrl_c": "has limits in seconds",
    "tests/train/test_learning.py::test_fits_do_not_grow": "measures memory, freed memory is kept",
}
# Programs over the team of threads, and the team itself.
TEAM_CPP = ["test_threads", "test_golden_run", "test_golden_run_generic", "test_cpu_program"]
TEAM_PYTHON = ["tests/robustness/test_concurrency.py"]
QUICK_CPP = [
    *("test_threads", "test_cpu_program", "test_rows", "test_kernels"),
    *("test_plan", "test_guard", "test_safetensors"),
]
QUICK_TEAM_CPP = ["test_threads", "test_cpu_program"]
QUICK_PYTHON = [
    "tests/robustness/test_bad_input.py",
    "tests/unit/test_saving.py",
    "tests/unit/test_tape.py",
]


def seconds_since(start: float) -> str:
    return f"{time.monotonic() - start:.0f} s"


class Build:
    """One sanitizer's build directory: configured and compiled when asked, tests run from it."""

    def __init__(self, kind: str, quick: bool, python: bool):
        self.kind, self.quick, self.python = kind, quick, python
        name = "asan" if kind == "memory" else "tsan"
        self.dir = ROOT / "build" / (f"{name}-quick" if quick else name)
        self.tools = pathlib.Path(sys.executable).parent
        self.logs = pathlib.Path(tempfile.mkdtemp(prefix="feedfwd-sanitize-"))

    def tool(self, name: str) -> str:
        """The tool beside this Python, or the one on the path."""
        own = self.tools / name
        return str(own) if own.exists() else name

    def make(self, targets: list[str]) -> None:
        start = time.monotonic()
        options = {
            "FEEDFWD_SANITIZE": SANITIZERS[self.kind],
            "FEEDFWD_TESTS": "ON",
            "FEEDFWD_PYTHON": "ON" if self.python else "OFF",
            "FEEDFWD_ISAS": "generic" if self.quick else "",
            "CMAKE_MAKE_PROGRAM": shutil.which(self.tool("ninja")) or "ninja",
        }
        if self.python:
            import pybind11

            options["Python_EXECUTABLE"] = sys.executable
            options["pybind11_DIR"] = pybind11.get_cmake_dir()
        flags = [f"-D{name}={value}" for name, value in options.items()]
        command = [self.tool("cmake"), "-S", str(ROOT), "-B", str(self.dir), "-G", "Ninja", *flags]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([self.tool("cmake"), "--build", self.dir, "--target", *targets], check=True)
        print(f"{self.dir.name}: built in {seconds_since(start)}", flush=True)

    def environment(self, leaks_at_exit: bool, fibres: bool = False) -> dict[str, str]:
        """The caller's, with every sanitizer's options; reports go to files in self.logs."""
        common = f"print_stacktrace=1:print_suppressions=1:log_path={self.logs}/report"
        # Leaks are looked for while the interpreter still holds what it never frees: leak_check.py.
        megabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
        leaks = f"detect_leaks=1:leak_check_at_exit={int(leaks_at_exit)}:exitcode=0"
        return {
            **os.environ,
            "ASAN_OPTIONS": f"{common}:{leaks}:abort_on_error=1:allocator_may_return_null=1"
            # Fibres come and go by the million, and each would get a second stack.
            f":detect_stack_use_after_return={int(not fibres)}:strict_string_checks=1"
            ":malloc_context_size=40"
            f":max_allocation_size_mb={megabytes}:verify_asan_link_order=0",
            "LSAN_OPTIONS": f"suppressions={HERE}/leaks.supp",
            "UBSAN_OPTIONS": f"{common}:abort_on_error=1:suppressions={HERE}/undefined.supp",
            # A child of fork starts a team of its own.
            "TSAN_OPTIONS": f"{common}:exitcode=0:suppressions={HERE}/races.supp:history_size=4"
            ":die_after_fork=0",
        }

    def cpp(self, names: list[str]) -> bool:
        """The C++ tests of these names."""
        self.make(sorted({name.removesuffix("_generic") for name in names}))
        wanted = "^(" + "|".join(names) + ")$"
        command = [self.tool("ctest"), "--test-dir", self.dir, "-R", wanted, "-j2"]
        command += ["--output-on-failure", "--no-tests=error", "--timeout", "1500"]
        done = subprocess.run(command, env=self.environment(leaks_at_exit=True))
        return self.finish(done.returncode, only_core=False)

    def package(self) -> pathlib.Path:
        """A folder to import feedfwd from, with the sanitized module in it."""
        folder = self.dir / "package"
        shutil.rmtree(folder, ignore_errors=True)
        source = ROOT / "python" / "feedfwd"
        leave = shutil.ignore_patterns("*.so", "__pycache__")
        shutil.copytree(source, folder / "feedfwd", ignore=leave)
        for module in (self.dir / "cpp" / "bindings").glob("_core*.so"):
            shutil.copy(module, folder / "feedfwd")
        return folder

    def pytest(self, tests: list[str], on_shim: bool = False) -> bool:
        """The Python tests, in an interpreter that has the sanitizer's library loaded first."""
        self.make(["_core", *(["_cuda_shim"] if on_shim else [])])
        names = ["libasan.so", "libubsan.so"] if self.kind == "memory" else ["libtsan.so"]
        first = [self.refuse_new()] if self.kind == "memory" else []
        preload = [*first, *map(library, names), library("libstdc++.so.6")]
        env = self.environment(leaks_at_exit=False, fibres=on_shim) | {
            "LD_PRELOAD": " ".join(preload),
            "PYTHONMALLOC": "malloc",  # every object a block of its own
            "PYTHONPATH": os.pathsep.join([str(self.package()), str(HERE)]),
            "FEEDFWD_BUILD_DIR": str(self.dir),
        }
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        # A report that ends the process is not to be lost in pytest's file.
        command += ["--capture=sys", "-c", ROOT / "pyproject.toml", "-o", "timeout=1500"]
        if self.kind == "memory":
            command += ["-p", "leak_check"]
        command += [option for name in LEFT_OUT for option in left_out(name)]
        if on_shim:
            env["FEEDFWD_SHIM"] = "1"
            command += ["-m", "gpu"]
        command += [ROOT / test for test in tests]
        done = subprocess.run(command, env=env, cwd=self.logs)
        return self.finish(done.returncode, only_core=True)

    def refuse_new(self) -> str:
        """The library that lets operator new throw; refuse_new.cpp says why."""
        target = self.dir / "refuse_new.so"
        command = [os.environ.get("CXX", "c++"), "-std=c++20", "-O1", "-fPIC", "-shared"]
        subprocess.run([*command, HERE / "refuse_new.cpp", "-o", target], check=True)
        return str(target)

    def finish(self, status: int, only_core: bool) -> bool:
        """Print what was reported and suppressed; True if the tests passed and nothing was."""
        found = reports.read(self.logs.glob("report*"), only_core)
        for path in self.logs.glob("report*"):
            path.unlink()
        print(found.summary(self.dir.name))
        if status:
            print(f"{self.dir.name}: exit status {status}")
        return status == 0 and not found.ours


def left_out(name: str) -> list[str]:
    """pytest's option to leave out a file, or tests whose id begins so."""
    return ["--deselect", name] if "::" in name else ["--ignore", str(ROOT / name)]


def library(name: str) -> str:
    """The compiler's shared library of that name."""
    command = [os.environ.get("CXX", "c++"), f"-print-file-name={name}"]
    path = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return os.path.realpath(path)


def run(part: str, build: Build) -> bool:
    """Run one part; True if nothing was found."""
    print(f"--- {part}", flush=True)
    kind, language = part.split("-")
    if language == "cuda":
        return build.pytest(["tests/cuda"], on_shim=True)
    if language == "python":
        if kind == "threads":
            return build.pytest(TEAM_PYTHON)
        return build.pytest(QUICK_PYTHON if build.quick else ["tests"])
    if kind == "threads":
        return build.cpp(QUICK_TEAM_CPP if build.quick else TEAM_CPP)
    if build.quick:
        return build.cpp(QUICK_CPP)
    names = [path.stem for path in sorted((ROOT / "tests" / "cpp").glob("test_*.cpp"))]
    names = [name for name in names if not name.endswith("_isa")]
    return build.cpp([*names, "ulp", "test_golden_run_generic"])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}")
    parts = args.parts or (QUICK_PARTS if args.quick else PARTS)
    bad, start = [], time.monotonic()
    for kind in SANITIZERS:
        of_kind = [part for part in parts if part.startswith(kind)]
        build = Build(kind, args.quick, python=any(not part.endswith("-cpp") for part in of_kind))
        bad += [part for part in of_kind if not run(part, build)]
        shutil.rmtree(build.logs)
    print(f"left out under sanitizers: {len(LEFT_OUT)}")
    for name, reason in LEFT_OUT.items():
        print(f"  {name}: {reason}")
    taken = seconds_since(start)
    print(f"{len(parts)} parts in {taken}: " + (f"FAILED {', '.join(bad)}" if bad else "no report"))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
