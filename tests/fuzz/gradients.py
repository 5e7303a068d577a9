"""The tape of the oracle: nodes of bounded values that know how gradients go through them."""

from __future__ import annotations

import numpy as np
import reference
from fuzz.bounded import Bounded


def sigmoid_slope(x):
    return reference.sigmoid(x) * reference.sigmoid(-x)


class Node:
    """A value, what it was made of, and whether a choice in it hangs on a rounding error."""

    __array_ufunc__ = None

    def __init__(self, bounded, sources=()):
        self.bounded, self.sources = bounded, sources
        self.tie = any(node.tie for node, _ in sources)
        self.gradient = None

    def binary(self, other, value, mine, theirs):
        other = other if isinstance(other, Node) else Node(self.bounded.like(np.atleast_2d(other)))
        return Node(value(self.bounded, other.bounded), ((self, mine), (other, theirs)))

    def __add__(self, other):
        return self.binary(other, Bounded.__add__, lambda g, a, b: g, lambda g, a, b: g)

    def __sub__(self, other):
        return self.binary(other, Bounded.__sub__, lambda g, a, b: g, lambda g, a, b: g * -1.0)

    def __mul__(self, other):
        return self.binary(other, Bounded.__mul__, lambda g, a, b: g * b, lambda g, a, b: g * a)

    def __truediv__(self, other):
        return self.binary(
            other,
            Bounded.__truediv__,
            lambda g, a, b: g / b,
            lambda g, a, b: g * (a / b) / b * -1.0,
        )

    def matmul(self, other):
        def transposed(x):
            return Bounded(x.value.T, x.error.T, x.eps)

        return self.binary(
            other,
            Bounded.__matmul__,
            lambda g, a, b: g @ transposed(b),
            lambda g, a, b: transposed(a) @ g,
        )

    def unary(self, bounded, back):
        """`back(g, x, y)` is the gradient of the operand x, where y is the result."""
        return Node(bounded, ((self, lambda g, x, _: back(g, x, bounded)),))

    def choose(self, other, pick):
        """One or the other, elementwise; of two equal ones the second, in value and gradient."""
        other = other if isinstance(other, Node) else Node(self.bounded.like(np.atleast_2d(other)))
        a, b = self.bounded, other.bounded
        first = pick(a.value, b.value)
        error = np.where(first, a.error, b.error)
        chosen = Bounded(np.where(first, a.value, b.value), error, a.eps)
        kept = first.astype(np.float64)
        node = Node(chosen, ((self, lambda g, *_: g * kept), (other, lambda g, *_: g * (1 - kept))))
        off = a.error + b.error
        node.tie |= bool(((np.abs(a.value - b.value) <= off) & (off > 0)).any())
        return node

    def backward(self, gradient):
        """Gradients of all that this was made of."""
        order, seen = [], set()

        def visit(node):
            if id(node) not in seen:
                seen.add(id(node))
                for source, _ in node.sources:
                    visit(source)
                order.append(node)

        visit(self)
        self.gradient = gradient
        for node in reversed(order):
            operands = [source.bounded for source, _ in node.sources]
            for i, (source, back) in enumerate(node.sources):
                pair = operands if len(operands) == 2 else [operands[i], None]
                part = back(node.gradient, *pair).sum_to(source.bounded.value.shape)
                source.gradient = part if source.gradient is None else source.gradient + part


def tanh(x):
    found = x.bounded.map(np.tanh, lambda v: 1 - np.tanh(v) ** 2, 1.0)
    return x.unary(found, lambda g, _, y: g * (y * y * -1.0 + 1.0))


def sigmoid(x):
    found = x.bounded.map(reference.sigmoid, sigmoid_slope, 0.2)
    return x.unary(found, lambda g, _, y: g * (y * (y * -1.0 + 1.0)))


def softplus(x):
    found = x.bounded.map(reference.softplus, reference.sigmoid, 0.25)
    return x.unary(found, lambda g, v, _: g * v.map(reference.sigmoid, sigmoid_slope, 0.2))


def sin(x):
    return x.unary(
        x.bounded.map(np.sin, np.cos, 1.0), lambda g, v, _: g * v.map(np.cos, np.sin, 1.0)
    )


def cos(x):
    return x.unary(
        x.bounded.map(np.cos, np.sin, 1.0), lambda g, v, _: g * v.map(np.sin, np.cos, 1.0) * -1.0
    )


def square(x):
    return x.unary(x.bounded * x.bounded, lambda g, v, _: g * v * 2.0)


def exp(x):
    return x.unary(x.bounded.exp(), lambda g, _, y: g * y)


def sqrt(x):
    return x.unary(x.bounded.sqrt(), lambda g, _, y: g / y * 0.5)


def log1p(x):
    return x.unary(x.bounded.log1p(), lambda g, v, _: g / (v + 1.0))


def absolute(x):
    """Its derivative is sign(x), also at 0."""
    v = x.bounded
    sign = np.sign(v.value)
    node = x.unary(Bounded(np.abs(v.value), v.error, v.eps), lambda g, *_: g * sign)
    node.tie |= bool(((np.abs(v.value) <= v.error) & (v.error > 0)).any())
    return node


def maximum(a, b):
    return a.choose(b, np.greater)


def minimum(a, b):
    return a.choose(b, np.less)


def mean(x):
    n = x.bounded.value.shape[-1]
    spread = np.ones((1, n))
    return x.unary(x.bounded.sum(-1) / float(n), lambda g, *_: g * spread / float(n))


def softmax(x):
    def back(g, _, y):
        return y * (g - (g * y).sum(-1))

    return x.unary(x.bounded.softmax(), back)


def log_sum_exp(x):
    return x.unary(x.bounded.log_sum_exp(), lambda g, v, _: g * v.softmax())


def concatenate(a, b):
    cut = a.bounded.value.shape[-1]
    value = np.concatenate([a.bounded.value, b.bounded.value], axis=-1)
    error = np.concatenate([a.bounded.error, b.bounded.error], axis=-1)

    def part(where):
        return lambda g, *_: Bounded(g.value[:, where], g.error[:, where], g.eps)

    made = Bounded(value, error, a.bounded.eps)
    return Node(made, ((a, part(slice(cut))), (b, part(slice(cut, None)))))
