"""Small networks and data that several tests train on."""

import feedfwd as ff
import numpy as np

RNG = np.random.default_rng(0)
X = RNG.normal(size=(103, 4))
Y = X @ np.array([1.0, -2.0, 0.5, 3.0]) + 0.5
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)


def regressor(seed=0, **options):
    layers = [ff.layers.Dense(8, activation="tanh"), ff.layers.Dense(1)]
    return ff.Sequential(layers, seed=seed, **options)


def classifier(seed=0, dropout=0.0, **options):
    return ff.Sequential(
        [ff.layers.Dense(8, activation="relu"), ff.layers.Dropout(dropout), ff.layers.Dense(3)],
        seed=seed,
        **options,
    )


def sparse(**options):
    return ff.losses.SparseCategoricalCrossentropy(from_logits=True, **options)


def same(a, b):
    return all(np.array_equal(v, w) for v, w in zip(a.get_weights(), b.get_weights(), strict=True))
