"""JAX: a whole epoch under ``jit`` with ``scan``, parameters and the optimizer's state donated."""

from __future__ import annotations

import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from feedfwd.bench import cases
from feedfwd.bench.serve import Work


def forward(p: Any, x: Any, dropout: float = 0.0, key: Any = None) -> Any:
    """The network's outputs."""
    layers = list(zip(p[::2], p[1::2], strict=True))
    for i, (w, b) in enumerate(layers):
        x = x @ w + b
        if i + 1 < len(layers):
            x = jax.nn.relu(x)
            if dropout:
                key, now = jax.random.split(key)
                kept = jax.random.bernoulli(now, 1 - dropout, x.shape)
                x = jnp.where(kept, x / (1 - dropout), 0.0)
    return x


class Run:
    """A network that is being trained; an epoch is one program."""

    def __init__(self, case: cases.Training) -> None:
        self.case = case
        self.x, self.y = (jnp.asarray(v) for v in case.data())
        self.first = cases.weights(case.widths)
        self.program: Any = jax.jit(self.epoch, donate_argnums=0, static_argnums=3)

    def begin(self) -> Any:
        """Parameters, Adam's means of slopes and of their squares, steps done, the random key."""
        zeros = [[jnp.zeros_like(w) for w in self.first] for _ in range(2)]
        return [jnp.array(w) for w in self.first], *zeros, jnp.zeros(()), jax.random.key(0)

    def loss(self, p: Any, x: Any, y: Any, key: Any) -> Any:
        """The mean of a batch."""
        out = forward(p, x, self.case.dropout, key)
        if self.case.loss == "mse":
            return jnp.mean((out - y) ** 2)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(out), y[:, None], axis=1))

    def step(self, carry: Any, x: Any, y: Any) -> tuple[Any, Any]:
        """One update; the batch's loss."""
        p, m, v, t, key = carry
        now = key
        if self.case.dropout:
            key, now = jax.random.split(key)
        loss, g = jax.value_and_grad(self.loss)(p, x, y, now)
        t = t + 1
        if self.case.optimizer == "adam":
            rate = self.case.rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            m = jax.tree.map(lambda m, g: m + 0.1 * (g - m), m, g)
            v = jax.tree.map(lambda v, g: v + 0.001 * (g * g - v), v, g)
            p = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), p, m, v)
        else:
            p = jax.tree.map(lambda p, g: p - self.case.rate * g, p, g)
        return (p, m, v, t, key), loss

    def epoch(self, carry: Any, x: Any, y: Any, shuffle: bool) -> tuple[Any, Any]:
        """One pass; the mean loss."""
        rows, batch = self.case.rows, self.case.batch
        order = jnp.arange(rows)
        if shuffle:
            *rest, key = carry
            key, now = jax.random.split(key)
            order = jax.random.permutation(now, rows)
            carry = (*rest, key)
        full = rows // batch
        batches = order[: full * batch].reshape(full, batch)
        carry, losses = jax.lax.scan(lambda c, r: self.step(c, x[r], y[r]), carry, batches)
        total = losses.sum() * batch
        if full * batch < rows:
            left = order[full * batch :]
            carry, loss = self.step(carry, x[left], y[left])
            total += loss * len(left)
        return carry, total / rows


class Peer:
    """On as many CPUs as threads: its pool has a thread for each that the process may use."""

    def __init__(self, threads: int, device: str = "cpu") -> None:
        if device != "cpu":
            jax.config.update("jax_platforms", "cuda")
            jax.config.update("jax_default_matmul_precision", "highest")  # float32's, not TF32's
            jnp.zeros(1)  # fails here where there is none
            self.version = str(jax.__version__)
            return
        # In time: JAX starts with the first computation.
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
        if threads == 1:
            os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        jax.config.update("jax_platforms", "cpu")
        self.version = str(jax.__version__)

    def training(self, case: cases.Training) -> Work:
        run = Run(case)
        going = [run.begin()]

        def check() -> list[float]:
            carry, found = run.begin(), []
            for _ in range(2):
                carry, loss = run.program(carry, run.x, run.y, False)
                found.append(float(loss))
            return found

        def epoch() -> float:
            going[0], loss = run.program(going[0], run.x, run.y, True)
            return float(loss)  # waits

        return check, epoch

    def prediction(self, case: cases.Prediction) -> Work:
        first = [jnp.asarray(w) for w in cases.weights(case.widths)]
        x, _ = case.data()
        program: Any = jax.jit(lambda x: forward(first, x))
        return (
            lambda: np.asarray(program(x)).ravel()[:20].tolist(),
            lambda: np.asarray(program(x)),
        )
