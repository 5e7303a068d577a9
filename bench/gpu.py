"""What the GPU backend is to reach, measured in one run beside PyTorch, JAX and CuPy.

python bench/gpu.py [--rounds 5] [--out FILE]
"""

from __future__ import annotations

import argparse
from typing import Any

import feedfwd as ff
import numpy as np
from feedfwd import _core
from feedfwd.bench import cases, peers, report, timing

CASES: list[cases.Case] = [
    cases.Training((784, 512, 512, 10), 128, 16384),
    cases.Training((256, 256, 256, 256), 256, 65536, loss="mse"),
    cases.Training((16, *(64,) * 5, 1), 1 << 14, 1 << 18, loss="mse"),
    cases.Training((16, *(64,) * 5, 1), 1 << 21, 1 << 22, loss="mse"),
    cases.Training((64, 128, 10), 32, 8192),
    cases.Prediction((784, 512, 512, 10), 1000),
    cases.Product(4096, 4096, 4096),
    cases.Product(1024, 1024, 1024),
    cases.Product(128, 512, 784),
]
ADAM_PARAMETERS = 100_000_000
ADAM_ARRAYS = 4 + 3  # read: weight, gradient, two means; written: weight and means


def adam(rounds: int, bytes_per_second: float) -> dict[str, Any]:
    """An update of 100 million parameters, as a part of the measured bandwidth."""
    weight = ff.Variable(np.zeros(ADAM_PARAMETERS, np.float32))
    weight.retype("float32", "cuda")
    gradient = _core.to_device(
        ff.ops.convert_to_tensor(np.ones(ADAM_PARAMETERS, np.float32)), "cuda"
    )
    optimizer = ff.optimizers.Adam(1e-3)

    def step() -> None:
        optimizer.apply_gradients([(gradient, weight)])

    step()
    # The gradient is copied beside the slots first: two passes more.
    moved = (ADAM_ARRAYS + 2) * 4.0 * ADAM_PARAMETERS
    seconds = [_core.device_seconds("cuda", lambda: (step(), _core.finish("cuda")))]
    for _ in range(rounds):
        seconds.append(_core.device_seconds("cuda", lambda: (step(), _core.finish("cuda"))))
    found = timing.spread(seconds[1:])
    return {**found, "bytes": moved, "of_bandwidth": moved / found["median"] / bytes_per_second}


def main() -> None:
    """Measure; a table, the goals' figures, JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", help="JSON")
    options = parser.parse_args()
    found = timing.compare(CASES, list(peers.ON_GPU), [0], options.rounds)
    print(f"\n{report.tables(found, markdown=True)}\n")
    for row in found["cases"]:
        case = cases.from_dict(row["case"])
        mine = timing.ours(row["results"], "cuda")["seconds"]["median"]
        over = {
            r["peer"]: round(r["seconds"]["median"] / mine, 2)
            for r in row["results"]
            if r["peer"] != "feedfwd" and r["agrees"]
        }
        step = f", {1e6 * mine / case.steps:.1f} us a step" if hasattr(case, "steps") else ""
        print(f"{row['name']}{step}; times ours: {over}")
    found["adam"] = adam(options.rounds, found["roofs"]["0"]["copy_bytes_per_second"])
    print(f"Adam over {ADAM_PARAMETERS:,}: {100 * found['adam']['of_bandwidth']:.0f} % of a copy's")
    if options.out:
        timing.save(options.out, "gpu", found)


if __name__ == "__main__":
    main()
