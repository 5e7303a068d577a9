"""Float64 values with bounds of the error that the same formula has in another precision, and
reverse-mode gradients made of them.

Each operation adds at most FACTOR * eps of its result (n + FACTOR for a sum of n), and passes on
what its operands are off by (Higham 2002, sections 3.1 and 3.3). The bounds need no constant that
was tuned.
"""

from __future__ import annotations

import numpy as np

FACTOR = 4  # eps is two roundings, and our functions are good to 2 units in the last place


class Bounded:
    """Values and, elementwise, how far off the same values in arithmetic with `eps` may be."""

    __array_ufunc__ = None

    def __init__(self, value, error, eps):
        self.value, self.error, self.eps = value, error, eps

    def made(self, value, error, terms=0, size=None):
        """A result: its own rounding is added; a zero that came of zeros is exact."""
        size = np.abs(value) if size is None else size
        tiny = np.finfo(np.float32).tiny if self.eps > 1e-10 else np.finfo(np.float64).tiny
        error = error + (FACTOR + terms) * (self.eps * size + tiny * (size > 0))
        return Bounded(value, error, self.eps)

    def exact(self, value):
        value = np.asarray(value, np.float64)
        return Bounded(value, np.zeros_like(value), self.eps)

    def like(self, other):
        return other if isinstance(other, Bounded) else self.exact(other)

    def __add__(self, other):
        other = self.like(other)
        return self.made(self.value + other.value, self.error + other.error)

    def __sub__(self, other):
        other = self.like(other)
        return self.made(self.value - other.value, self.error + other.error)

    def __mul__(self, other):
        a, b = self, self.like(other)
        error = np.abs(a.value) * b.error + np.abs(b.value) * a.error + a.error * b.error
        return self.made(a.value * b.value, error)

    def __truediv__(self, other):
        a, b = self, self.like(other)
        ratio, least = a.value / b.value, np.abs(b.value) - b.error
        error = (a.error + np.abs(ratio) * b.error) / np.where(least > 0, least, 0.0)
        return self.made(ratio, np.where((a.value == 0) & (a.error == 0), 0.0, error))

    def __matmul__(self, other):
        a, b = self, self.like(other)
        size = np.abs(a.value) @ np.abs(b.value)
        error = np.abs(a.value) @ b.error + a.error @ np.abs(b.value) + a.error @ b.error
        return self.made(a.value @ b.value, error, terms=a.value.shape[-1], size=size)

    def sum(self, axis):
        size = np.abs(self.value).sum(axis=axis, keepdims=True)
        value = self.value.sum(axis=axis, keepdims=True)
        error = self.error.sum(axis=axis, keepdims=True)
        return self.made(value, error, terms=self.value.shape[axis], size=size)

    def sum_to(self, shape):
        """The gradient of a broadcast; all shapes here have two axes."""
        found = self
        for axis in range(2):
            if shape[axis] == 1 and found.value.shape[axis] != 1:
                found = found.sum(axis)
        return found

    def map(self, function, slope, curve):
        """A smooth function with this derivative; `curve` bounds the second one."""
        error = (np.abs(slope(self.value)) + curve * self.error) * self.error
        return self.made(function(self.value), error)

    def sqrt(self):
        root = np.sqrt(self.value)
        return self.made(root, self.error / (2 * np.sqrt(np.maximum(self.value - self.error, 0))))

    def exp(self):
        found = np.exp(self.value)
        return self.made(found, found * np.expm1(self.error))

    def log1p(self):
        return self.made(np.log1p(self.value), self.error / (1 + self.value - self.error))

    def log_sum_exp(self):
        top = self.value.max(axis=-1, keepdims=True)
        value = top + np.log(np.exp(self.value - top).sum(axis=-1, keepdims=True))
        size = np.abs(top) + np.abs(value) + 1
        error = self.error.max(axis=-1, keepdims=True)
        return self.made(value, error, terms=self.value.shape[-1], size=size)

    def softmax(self):
        """exp(x - top) has the error of x - top besides, relative to it."""
        away = self.value - self.value.max(axis=-1, keepdims=True)
        parts = np.exp(away)
        found = parts / parts.sum(axis=-1, keepdims=True)
        off = 2 * self.error.max(axis=-1, keepdims=True) + FACTOR * self.eps * np.abs(away).max(
            axis=-1, keepdims=True
        )
        return self.made(found, found * np.expm1(2 * off), terms=self.value.shape[-1])
