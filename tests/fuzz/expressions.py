"""Random expressions, evaluated by the library and by the oracle alike."""

from __future__ import annotations

from types import SimpleNamespace

import feedfwd as ff
import numpy as np
from fuzz import gradients
from hypothesis import strategies as st

LIBRARY = SimpleNamespace(
    tanh=ff.ops.tanh,
    sigmoid=ff.activations.sigmoid,
    softplus=ff.activations.softplus,
    softmax=ff.activations.softmax,
    sin=ff.ops.sin,
    cos=ff.ops.cos,
    square=ff.ops.square,
    exp=ff.ops.exp,
    sqrt=ff.ops.sqrt,
    log1p=ff.ops.log1p,
    absolute=ff.ops.abs,
    maximum=ff.ops.maximum,
    minimum=ff.ops.minimum,
    mean=lambda x: ff.ops.mean(x, axis=-1, keepdims=True),
    concatenate=lambda a, b: ff.ops.concatenate([a, b], axis=-1),
)
UNARY = {
    "tanh": lambda o, a: o.tanh(a),
    "sigmoid": lambda o, a: o.sigmoid(a),
    "softplus": lambda o, a: o.softplus(a),
    "softmax": lambda o, a: o.softmax(a),
    "sin": lambda o, a: o.sin(a),
    "cos": lambda o, a: o.cos(a),
    "square": lambda o, a: o.square(a),
    "bump": lambda o, a: o.exp(o.square(a) * -1.0),
    "root": lambda o, a: o.sqrt(o.square(a) + 1.0),
    "log": lambda o, a: o.log1p(o.square(a)),
    "abs": lambda o, a: o.absolute(a),
    "relu": lambda o, a: o.maximum(a, 0.0),
    "center": lambda o, a: a - o.mean(a),
    "silu": lambda o, a: a * o.sigmoid(a),
    "scale": lambda o, a: a * 0.625,
}
BINARY = {
    "add": lambda o, a, b: a + b,
    "subtract": lambda o, a, b: a - b,
    "multiply": lambda o, a, b: a * b,
    "ratio": lambda o, a, b: a / (o.square(b) + 1.0),
    "maximum": lambda o, a, b: o.maximum(a, b),
    "minimum": lambda o, a, b: o.minimum(a, b),
    "gate": lambda o, a, b: a * o.sigmoid(b),
}
RATES = (0.125, 0.25, 0.5)  # exact in any precision, so that a mask has no rounding to argue about

TREES = st.recursive(
    st.tuples(st.just("dense")),
    lambda t: st.one_of(
        st.tuples(st.sampled_from(sorted(UNARY)), t),
        st.tuples(st.just("drop"), t, st.sampled_from(RATES)),
        st.tuples(st.sampled_from([*sorted(BINARY), "join"]), t, t),
    ),
    max_leaves=6,
)


def parts(tree, kinds):
    """The nodes of some kinds in the order that evaluate() meets them."""
    found = [node for child in tree[1:] if isinstance(child, tuple) for node in parts(child, kinds)]
    return [*found, tree] if tree[0] in kinds else found


def weight_shapes(tree, width, units):
    """Kernel and bias of each dense; kernel of each join."""
    shapes = []
    for node in parts(tree, ("dense", "join")):
        shapes += [(width, units), (units,)] if node[0] == "dense" else [(2 * units, units)]
    return shapes


def evaluate(tree, ops, dense, join, drop):
    """What the tree comes to; the three functions are called in the order of parts()."""
    kind, *rest = tree
    if kind == "dense":
        return dense()
    found = [evaluate(t, ops, dense, join, drop) for t in rest if isinstance(t, tuple)]
    if kind == "drop":
        return drop(found[0], rest[1])
    if kind == "join":
        return join(ops.concatenate(*found))
    return UNARY[kind](ops, *found) if kind in UNARY else BINARY[kind](ops, *found)


class Expression(ff.layers.Layer):
    """The tree as a user writes a layer."""

    def __init__(self, tree, units):
        super().__init__()
        self.tree, self.units = tree, units
        self.drops = [ff.layers.Dropout(node[2]) for node in parts(tree, ("drop",))]

    def build(self, shape):
        self.all = [
            self.add_weight(s, initializer="random_normal" if len(s) == 1 else None)
            for s in weight_shapes(self.tree, shape[-1], self.units)
        ]

    def call(self, x, training=False):
        weights, drops = iter(self.all), iter(self.drops)
        return evaluate(
            self.tree,
            LIBRARY,
            lambda: ff.ops.matmul(x, next(weights)) + next(weights),
            lambda a: ff.ops.matmul(a, next(weights)),
            lambda a, _: next(drops)(a),
        )


def graph(tree, width, units, **options):
    """The same from Input and built-in layers, and those layers in order."""
    x, layers = ff.Input((width,), dtype=options["dtype"]), []

    def through(layer, a):
        layers.append(layer)
        return layer(a)

    y = evaluate(
        tree,
        LIBRARY,
        lambda: through(ff.layers.Dense(units), x),
        lambda a: through(ff.layers.Dense(units, use_bias=False), a),
        lambda a, rate: ff.layers.Dropout(rate)(a),
    )
    return ff.Model(x, y, **options), layers


def oracle(tree, x, weights, masks):
    """The same of gradients.Node; masks are 0 or 1 / (1 - rate), or there are none."""
    left, kept = iter(weights), iter(masks)
    return evaluate(
        tree,
        gradients,
        lambda: x.matmul(next(left)) + next(left),
        lambda a: a.matmul(next(left)),
        lambda a, _: a * next(kept) if masks else a,
    )


def node(values, eps):
    """A leaf: an exact matrix, a vector as one row."""
    values = np.atleast_2d(np.asarray(values, np.float64))
    return gradients.Node(gradients.Bounded(values, np.zeros_like(values), eps))
