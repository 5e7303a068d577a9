"""How far activations and Adam are from what their instructions need.

    python bench/function_roofs.py [--isa avx2] [--pipes 4] [--issue 6] [--out FILE]

Compiles the loops of function_roofs.cpp, times them in the first-level cache, and counts the
instructions of a body of one vector; the timed loops have several side by side, as the library's
have. The roof is the longest of: multiplications, fma and variable blends at two a cycle; additions
and comparisons of floats at two; a store a cycle; all vector arithmetic at `--pipes` a cycle; all
instructions at `--issue` a cycle; divisions and square roots at the pace that loops of nothing else
have here. float32, 1 thread; a cycle is the time of two fma. Needs g++ on x86-64.

Defaults of pipes and issue: AMD's Zen 3 and 4 at 256 bits, where loops of two kinds of instructions
show which share pipes; with 512 bits two pipes (Intel, Zen 4).
"""

from __future__ import annotations

import argparse
import pathlib
import re
import subprocess
import tempfile

from feedfwd import _core
from feedfwd.bench import timing

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"
FLAGS = {
    "avx2": "-mavx2 -mfma",
    "avx512": "-mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mprefer-vector-width=512",
}


def compiled(isa: str, folder: pathlib.Path, *more: str) -> pathlib.Path:
    """The loops as a program, or as assembly where `more` asks for it."""
    target = folder / ("loops.s" if "-S" in more else "loops")
    flags = ["-std=c++20", "-O3", "-DNDEBUG", "-ffp-contract=off", "-fno-math-errno"]
    names = [f"-DFF_ISA={isa}", f"-DFF_ISA_{isa.upper()}=1", f"-I{ROOT / 'cpp'}"]
    source = str(ROOT / "bench" / "function_roofs.cpp")
    command = ["g++", *flags, *FLAGS[isa].split(), *names, *more, source, "-o", str(target)]
    subprocess.run(command, check=True)
    return target


KINDS = {
    "vector": r"v(?!mov|broadcast|zero)",
    "multiply": r"v(mul|fn?m|blendv)",
    "add": r"v(add|sub|cmp|min|max)",
    "divide": r"vdiv",
    "root": r"vsqrt",
}


def counts(assembly: pathlib.Path) -> dict[str, dict[str, int]]:
    """Instructions of each loop's body, by kind."""
    found: dict[str, dict[str, int]] = {}
    text = assembly.read_text(encoding="utf-8")
    for name, body in re.findall(r"# BEGIN (\w+)\n(.*?)# END", text, re.DOTALL):
        kinds = dict.fromkeys(("all", "store", *KINDS), 0)
        for line in body.splitlines():
            word = re.match(r"\t([a-z]\w*)\t(.*)", line)
            if not word:
                continue
            kinds["all"] += 1
            kinds["store"] += bool(
                re.match(r"vmov\S* %[^,]*, ?.*\)(\{.*\})?$", f"{word[1]} {word[2]}")
            )
            for kind, pattern in KINDS.items():
                kinds[kind] += bool(re.match(pattern, word[1]))
        found[name] = kinds
    return found


def roof(kinds: dict[str, int], pace: dict[str, float], pipes: float, issue: float) -> float:
    """Fewest cycles for a body; `pace`: of one division, one root."""
    slow = sum(kinds[kind] * pace[kind] for kind in ("divide", "root"))
    pairs = max(kinds[kind] / 2 for kind in ("multiply", "add"))
    return max(pairs, kinds["store"], kinds["vector"] / pipes, kinds["all"] / issue, slow)


def main() -> None:
    """Compile, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--isa", choices=FLAGS, default=_core.active_isa(), help="default: the best here"
    )
    parser.add_argument("--pipes", type=float, help="vector instructions a cycle")
    parser.add_argument("--issue", type=float, default=6.0, help="instructions a cycle")
    parser.add_argument("--out", help="JSON; default: bench/results/DATE-function_roofs.json")
    options = parser.parse_args()
    pipes = options.pipes or (2.0 if options.isa == "avx512" else 4.0)
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(made)
        bodies = counts(compiled(options.isa, folder, "-S", "-DFF_MARKS"))
        program = compiled(options.isa, folder)
        lines = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    cycles = {name: float(value) for name, value, _ in map(str.split, lines.splitlines())}
    pace = {kind: cycles.pop(kind) for kind in ("divide", "root")}
    results = {}
    print(f"{'':10}{'cycles':>8}{'roof':>8}{'ratio':>8}   {options.isa}")
    for name, taken in cycles.items():
        least = roof(bodies[name], pace, pipes, options.issue)
        ratio = taken / least
        results[name] = {"cycles": taken, "roof": least, "ratio": ratio, **bodies[name]}
        print(f"{name:10}{taken:8.1f}{least:8.1f}{ratio:8.2f}")
    record = {"isa": options.isa, "pipes": pipes, "issue": options.issue, "pace": pace}
    record["functions"] = results
    if options.out is None:
        timing.keep(RESULTS, "function_roofs", record)
    else:
        timing.save(options.out, "function_roofs", record)


if __name__ == "__main__":
    main()
