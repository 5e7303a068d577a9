"""Build the wheel and the sdist, and try the wheel as a user has it: `python scripts/wheel.py`.

The wheel is made portable by auditwheel and installed into a fresh environment, in which no
compiler is to be found; there every test runs. The sdist is built twice: the same bytes both times.
Arguments go to pytest.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "wheels"
COMPILERS = ("cc", "c++", "gcc", "g++", "clang", "cpp", "ld", "cmake", "ninja", "make", "nvcc")
LARGEST = 5_000_000  # bytes
IMPORT = (
    "import time, numpy\nstart = time.perf_counter()\nimport feedfwd\n"
    "print(time.perf_counter() - start)"
)


def run(*command: object, **options: object) -> None:
    """A command that must succeed."""
    print("$", *command, flush=True)
    subprocess.run([str(c) for c in command], check=True, **options)  # type: ignore[call-overload]


def sdists() -> pathlib.Path:
    """The sdist; SystemExit if a second one differs."""
    digests = []
    for place in ("sdist", "sdist-again"):
        folder = OUT / place
        run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "-o", folder, ROOT)
        (found,) = folder.glob("*.tar.gz")
        digests.append(hashlib.sha256(found.read_bytes()).hexdigest())
    if len(set(digests)) > 1:
        raise SystemExit(f"two sdists of the same tree differ: {digests}")
    print(f"sdist: {found.stat().st_size / 1e6:.2f} MB, the same bytes twice")
    return found


def wheel() -> pathlib.Path:
    """The portable wheel."""
    raw = OUT / "raw"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    where = f"build-dir={ROOT / 'build' / 'wheel'}"
    run(
        *pip,
        "wheel",
        "--no-build-isolation",
        "--no-deps",
        "--config-settings",
        where,
        "-w",
        raw,
        ROOT,
    )
    (built,) = raw.glob("*.whl")
    run(sys.executable, "-m", "auditwheel", "repair", "-w", OUT, built)
    (found,) = OUT.glob("*.whl")
    names = zipfile.ZipFile(found).namelist()
    for needed in ("feedfwd/py.typed", "feedfwd/_core.pyi", "feedfwd/digits.npz"):
        if needed not in names:
            raise SystemExit(f"the wheel lacks {needed}")
    size = found.stat().st_size
    print(f"wheel: {found.name}, {size / 1e6:.2f} MB")
    if size > LARGEST:
        raise SystemExit(f"the wheel is larger than {LARGEST / 1e6:g} MB")
    return found


def without_compilers(folder: pathlib.Path) -> str:
    """A folder of links to the system's programs, but for compilers and what goes with them."""
    for place in ("/bin", "/usr/bin"):
        for program in pathlib.Path(place).iterdir():
            base = program.name.rpartition("-gnu-")[2].split("-")[0].rstrip("0123456789.")
            link = folder / program.name
            if base not in COMPILERS and not link.exists():
                link.symlink_to(program)
    return str(folder)


def try_it(built: pathlib.Path, scratch: pathlib.Path, pytest: list[str]) -> None:
    """Install and test where no compiler is."""
    (scratch / "bin").mkdir()
    environment = {
        "HOME": str(scratch),
        "LANG": "C.UTF-8",
        "PATH": without_compilers(scratch / "bin"),
        **{k: v for k, v in os.environ.items() if k.startswith("PIP_")},
    }
    if any(shutil.which(c, path=environment["PATH"]) for c in COMPILERS):
        raise SystemExit("a compiler is still on the PATH")
    run(sys.executable, "-m", "venv", scratch / "venv")
    python = scratch / "venv" / "bin" / "python"
    environment["PATH"] = f"{python.parent}{os.pathsep}{environment['PATH']}"
    there = {"cwd": scratch, "env": environment}
    run(python, "-m", "pip", "install", "-q", f"{built}[test]", **there)
    asked = [[str(python), "-c", IMPORT]] * 9
    taken = [float(subprocess.check_output(a, text=True, **there)) for a in asked]  # type: ignore[call-overload]
    print(f"import: {1e3 * statistics.median(taken[2:]):.0f} ms beyond NumPy's")
    run(python.with_name("feedfwd"), "info", **there)
    tests = ("-c", ROOT / "pyproject.toml", ROOT / "tests", *pytest)
    run(python, "-m", "pytest", "-p", "no:cacheprovider", "-q", *tests, **there)


def main() -> None:
    """All of it."""
    shutil.rmtree(OUT, ignore_errors=True)
    sdists()
    built = wheel()
    with tempfile.TemporaryDirectory() as scratch:
        # Tests that give up root read the installed package as another user.
        pathlib.Path(scratch).chmod(0o755)
        try_it(built, pathlib.Path(scratch), sys.argv[1:])
    print(f"built: {built.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
