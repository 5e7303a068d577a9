"""The oracle's random numbers: Philox, dropout masks and the shuffle, by rule 8 of the numerics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def philox4x32(counter: Any, key: Any, rounds: int = 10) -> np.ndarray:
    """Philox4x32 (Salmon, Moraes, Dror, Shaw 2011). counter (..., 4) and key (2,), both uint32."""
    c = [np.asarray(w, dtype=np.uint64) for w in np.moveaxis(np.asarray(counter), -1, 0)]
    k0, k1 = (int(k) for k in key)
    low = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    for _ in range(rounds):
        product0, product1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [
            (product1 >> half) ^ c[1] ^ np.uint64(k0),
            product1 & low,
            (product0 >> half) ^ c[3] ^ np.uint64(k1),
            product0 & low,
        ]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(c, axis=-1).astype(np.uint32)


def random_words(seed: int, blocks: Any, step: int, stream: int) -> np.ndarray:
    """The four words of each block: key = seed, counter = (block low, block high, step, stream)."""
    blocks = np.asarray(blocks, dtype=np.uint64)
    counter = np.empty((*blocks.shape, 4), dtype=np.uint32)
    counter[..., 0] = blocks & np.uint64(0xFFFFFFFF)
    counter[..., 1] = blocks >> np.uint64(32)
    counter[..., 2] = step
    counter[..., 3] = stream
    return philox4x32(counter, (seed & 0xFFFFFFFF, seed >> 32))


def uniform(words: Any) -> np.ndarray:
    """[0, 1) in steps of 2^-24."""
    return (np.asarray(words) >> np.uint32(8)) * 2.0**-24


def dropout_uniforms(seed: int, step: int, stream: int, rows: int, cols: int) -> np.ndarray:
    """One number for each element (r, c): block 16 r ceil(cols / 64) + 16 (c // 64) + c % 16,
    word (c % 64) // 16."""
    r, c = np.meshgrid(np.arange(rows), np.arange(cols), indexing="ij")
    block = 16 * r * math.ceil(cols / 64) + 16 * (c // 64) + c % 16
    words = random_words(seed, block, step, stream)
    return uniform(np.take_along_axis(words, ((c % 64) // 16)[..., None], axis=-1)[..., 0])


def dropout(x: Any, rate: float, seed: int, step: int, stream: int) -> np.ndarray:
    """Inverted dropout of a (rows, cols) array: an element stays where its number is >= rate."""
    x = np.asarray(x, dtype=np.float64)
    keep = dropout_uniforms(seed, step, stream, *x.shape) >= rate
    return np.where(keep, x / (1 - rate), 0.0)


def shuffle(keys: Any) -> np.ndarray:
    """The order of a stable sort by (word, index)."""
    return np.argsort(np.asarray(keys), kind="stable")
