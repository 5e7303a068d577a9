"""The oracle: NumPy float64, written from the formulas in the papers and in Keras' documentation.

Nothing here imports feedfwd. Where a function has a derivative or gradient, it is written out by
hand, not differentiated. Arrays are batches: the leading axis is the row.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from reference_optimizers import OPTIMIZERS as OPTIMIZERS
from reference_optimizers import Optimizer as Optimizer
from reference_random import dropout as dropout
from reference_random import dropout_uniforms as dropout_uniforms
from reference_random import philox4x32 as philox4x32
from reference_random import random_words as random_words
from reference_random import shuffle as shuffle
from reference_random import uniform as uniform

EPSILON = 1e-7  # Keras' fuzz factor: probabilities are clipped to [EPSILON, 1 - EPSILON]

_erf = np.vectorize(math.erf, otypes=[float])
_erfc = np.vectorize(math.erfc, otypes=[float])


def f64(x: Any) -> np.ndarray:
    return np.asarray(x, dtype=np.float64)


# --- ops ---------------------------------------------------------------------------------------


def sum_to(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The gradient of a broadcast: sums `g` down to `shape`."""
    extra = g.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(
        extra + i for i, n in enumerate(shape) if n == 1 and g.shape[extra + i] != 1
    )
    return g.sum(axis=axes, keepdims=True).reshape(shape) if axes else g


def one_hot(labels: Any, classes: int) -> np.ndarray:
    """Rows of the identity; a label outside [0, classes) gives a row of zeros."""
    labels = np.asarray(labels)
    return (labels[..., None] == np.arange(classes)).astype(np.float64)


def argmax(x: Any, axis: int | None = None) -> np.ndarray:
    return np.argmax(np.asarray(x), axis=axis)  # the lowest index among equals


UNARY_OPS = {
    "negative": lambda x: -x,
    "square": lambda x: x * x,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "abs": np.abs,
    "sign": np.sign,
    "stop_gradient": lambda x: x,
    "sin": np.sin,
    "cos": np.cos,
    "expm1": np.expm1,
    "log1p": np.log1p,
    "floor": np.floor,
    "erf": _erf,
    "erfc": _erfc,
}
UNARY_OP_GRADS = {
    "negative": lambda x: -np.ones_like(x),
    "square": lambda x: 2 * x,
    "sqrt": lambda x: 0.5 / np.sqrt(x),
    "exp": np.exp,
    "log": lambda x: 1 / x,
    "abs": np.sign,
    "sign": np.zeros_like,
    "stop_gradient": np.zeros_like,
    "sin": np.cos,
    "cos": lambda x: -np.sin(x),
    "expm1": np.exp,
    "log1p": lambda x: 1 / (1 + x),
    "floor": np.zeros_like,
    "erf": lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x),
    "erfc": lambda x: -2 / math.sqrt(math.pi) * np.exp(-x * x),
}
BINARY_OPS = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "power": np.power,
    "maximum": lambda a, b: np.where(a > b, a, b),
    "minimum": lambda a, b: np.where(a < b, a, b),
}
# (with respect to a, with respect to b), both before the sum over broadcast axes; away from ties.
BINARY_OP_GRADS = {
    "add": lambda a, b: (np.ones_like(a + b), np.ones_like(a + b)),
    "subtract": lambda a, b: (np.ones_like(a + b), -np.ones_like(a + b)),
    "multiply": lambda a, b: (b + 0 * a, a + 0 * b),
    "divide": lambda a, b: (1 / b + 0 * a, -a / (b * b)),
    "power": lambda a, b: (b * np.power(a, b - 1), np.power(a, b) * np.log(a)),
    "maximum": lambda a, b: ((a > b) * 1.0, (b > a) * 1.0),
    "minimum": lambda a, b: ((a < b) * 1.0, (b < a) * 1.0),
}


def matmul(a: Any, b: Any) -> np.ndarray:
    return f64(a) @ f64(b)


def matmul_grad(a: Any, b: Any, g: Any) -> tuple[np.ndarray, np.ndarray]:
    """Of a matrix product: dA = G B^T, dB = A^T G."""
    return f64(g) @ f64(b).T, f64(a).T @ f64(g)


def clip(x: Any, low: float, high: float) -> np.ndarray:
    x = f64(x)
    return np.where(x < low, low, np.where(x > high, high, x))


def clip_grad(x: Any, low: float, high: float) -> np.ndarray:
    x = f64(x)
    return ((x >= low) & (x <= high)) * 1.0


def max_grad(x: Any, g: Any, axis: int) -> np.ndarray:
    """Of `max` along an axis, where the maximum is unique."""
    x = f64(x)
    return (x == x.max(axis=axis, keepdims=True)) * np.expand_dims(f64(g), axis)


def log_sum_exp(x: Any) -> np.ndarray:
    """Over the last axis, kept."""
    x = f64(x)
    top = x.max(axis=-1, keepdims=True)
    return top + np.log(np.exp(x - top).sum(axis=-1, keepdims=True))


# --- activations: value, and derivative from the input ------------------------------------------


def linear(x: Any) -> np.ndarray:
    return f64(x)


def sigmoid(x: Any) -> np.ndarray:
    """1 / (1 + exp(-x)), by whichever form does not overflow."""
    x = f64(x)
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def tanh(x: Any) -> np.ndarray:
    return np.tanh(f64(x))


def relu(x: Any) -> np.ndarray:
    x = f64(x)
    return np.where(x < 0, 0.0, x)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> np.ndarray:
    x = f64(x)
    return np.where(x < 0, negative_slope * x, x)


def elu(x: Any, alpha: float = 1.0) -> np.ndarray:
    x = f64(x)
    return np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x)


def _phi(x: np.ndarray) -> np.ndarray:
    """The normal distribution function; erfc keeps the left tail."""
    return 0.5 * _erfc(-x / math.sqrt(2))


def gelu(x: Any, approximate: bool = False) -> np.ndarray:
    """x Phi(x) (Hendrycks and Gimpel 2016), or their tanh approximation."""
    x = f64(x)
    if approximate:
        u = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
        return x * sigmoid(2 * u)  # (1 + tanh u) / 2 = sigmoid(2u), without cancellation
    return x * _phi(x)


def silu(x: Any) -> np.ndarray:
    return f64(x) * sigmoid(x)


def softplus(x: Any) -> np.ndarray:
    x = f64(x)
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def softmax(x: Any) -> np.ndarray:
    """Over the last axis."""
    x = f64(x)
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def log_softmax(x: Any) -> np.ndarray:
    return f64(x) - log_sum_exp(x)


def _sigmoid_grad(x: np.ndarray) -> np.ndarray:
    return sigmoid(x) * sigmoid(-x)


def _gelu_grad(x: np.ndarray, approximate: bool = False) -> np.ndarray:
    if approximate:
        u = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
        du = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)
        return sigmoid(2 * u) + x * _sigmoid_grad(2 * u) * 2 * du
    return _phi(x) + x * np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


ACTIVATIONS = {
    "linear": linear,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "gelu": gelu,
    "silu": silu,
    "softplus": softplus,
    "softmax": softmax,
}
# At the kink the derivative is 0 for relu and 1 for leaky_relu, as in Keras.
_ELEMENTWISE_GRADS = {
    "linear": lambda x: np.ones_like(x),
    "sigmoid": _sigmoid_grad,
    "tanh": lambda x: 1 / np.cosh(np.clip(x, -350, 350)) ** 2,
    "relu": lambda x: (x > 0) * 1.0,
    "leaky_relu": lambda x, negative_slope=0.2: np.where(x >= 0, 1.0, negative_slope),
    "elu": lambda x, alpha=1.0: np.where(x > 0, 1.0, alpha * np.exp(np.minimum(x, 0))),
    "gelu": _gelu_grad,
    "silu": lambda x: sigmoid(x) + x * _sigmoid_grad(x),
    "softplus": sigmoid,
}


def activation(name: str, x: Any, **kwargs: Any) -> np.ndarray:
    if name == "gelu_tanh":
        return gelu(x, approximate=True)
    return ACTIVATIONS[name](x, **kwargs)


def activation_grad(name: str, x: Any, g: Any, **kwargs: Any) -> np.ndarray:
    """The gradient with respect to x of sum(g * activation(x))."""
    x, g = f64(x), f64(g)
    if name == "softmax":
        y = softmax(x)
        return y * (g - (g * y).sum(axis=-1, keepdims=True))
    if name == "gelu_tanh":
        return g * _gelu_grad(x, approximate=True)
    return g * _ELEMENTWISE_GRADS[name](x, **kwargs)


# --- losses: one value per row, and its gradient with respect to y_pred -------------------------


def _mean_squared_error(t: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return ((p - t) ** 2).mean(axis=-1), 2 * (p - t) / p.shape[-1]


def _mean_absolute_error(t: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.abs(p - t).mean(axis=-1), np.sign(p - t) / p.shape[-1]


def _inside(p: np.ndarray) -> np.ndarray:
    return (p >= EPSILON) & (p <= 1 - EPSILON)


def _binary_crossentropy(
    t: np.ndarray, p: np.ndarray, from_logits: bool = False, label_smoothing: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    t = t * (1 - label_smoothing) + 0.5 * label_smoothing
    n = p.shape[-1]
    if from_logits:
        values = np.maximum(p, 0) - p * t + np.log1p(np.exp(-np.abs(p)))
        return values.mean(axis=-1), (sigmoid(p) - t) / n
    q = clip(p, EPSILON, 1 - EPSILON)
    values = -(t * np.log(q) + (1 - t) * np.log1p(-q))
    return values.mean(axis=-1), _inside(p) * ((1 - t) / (1 - q) - t / q) / n


def _categorical_crossentropy(
    t: np.ndarray, p: np.ndarray, from_logits: bool = False, label_smoothing: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    t = t * (1 - label_smoothing) + label_smoothing / p.shape[-1]
    if from_logits:
        return -(t * log_softmax(p)).sum(axis=-1), softmax(p) * t.sum(axis=-1, keepdims=True) - t
    total = p.sum(axis=-1, keepdims=True)
    share = p / total
    q = clip(share, EPSILON, 1 - EPSILON)
    d_share = np.where(_inside(share), -t / q, 0.0)
    grad = (d_share - (d_share * share).sum(axis=-1, keepdims=True)) / total
    return -(t * np.log(q)).sum(axis=-1), grad


def _sparse_categorical_crossentropy(
    t: np.ndarray, p: np.ndarray, from_logits: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    labels = np.asarray(t, dtype=np.int64)
    if labels.ndim == p.ndim:
        labels = labels[..., 0]
    return _categorical_crossentropy(one_hot(labels, p.shape[-1]), p, from_logits)


LOSSES = {
    "MeanSquaredError": _mean_squared_error,
    "MeanAbsoluteError": _mean_absolute_error,
    "BinaryCrossentropy": _binary_crossentropy,
    "CategoricalCrossentropy": _categorical_crossentropy,
    "SparseCategoricalCrossentropy": _sparse_categorical_crossentropy,
}


def loss(
    name: str, y_true: Any, y_pred: Any, sample_weight: Any = None, **kwargs: Any
) -> tuple[float, np.ndarray]:
    """The mean over rows of weight times row loss (the divisor is the row count, as in Keras), and
    its gradient with respect to y_pred."""
    p = f64(y_pred)
    rows, grad = LOSSES[name](f64(y_true), p, **kwargs)
    w = np.ones_like(rows) if sample_weight is None else f64(sample_weight).reshape(rows.shape)
    return float((w * rows).sum() / rows.size), w[..., None] * grad / rows.size


# --- metrics ------------------------------------------------------------------------------------


def metric(
    name: str, y_true: Any, y_pred: Any, sample_weight: Any = None, threshold: float = 0.5
) -> float:
    """The weighted mean over rows."""
    p = f64(y_pred)
    if name == "SparseCategoricalAccuracy":
        values = (argmax(p, -1) == np.asarray(y_true).reshape(p.shape[:-1])) * 1.0
    elif name == "CategoricalAccuracy":
        values = (argmax(p, -1) == argmax(y_true, -1)) * 1.0
    else:
        t = f64(y_true).reshape(p.shape)
        values = {
            "BinaryAccuracy": lambda: ((p > threshold) == t) * 1.0,
            "MeanSquaredError": lambda: (p - t) ** 2,
            "MeanAbsoluteError": lambda: np.abs(p - t),
        }[name]()
        values = values.reshape(len(values), -1).mean(axis=-1)
    w = np.ones_like(values) if sample_weight is None else f64(sample_weight).reshape(values.shape)
    return float((w * values).sum() / w.sum())


# --- layers -------------------------------------------------------------------------------------


def dense(x: Any, w: Any, b: Any = None, activation_name: str = "linear", **kwargs: Any) -> Any:
    z = f64(x) @ f64(w)
    return activation(activation_name, z if b is None else z + f64(b), **kwargs)


def dense_grad(
    x: Any, w: Any, b: Any, g: Any, activation_name: str = "linear", **kwargs: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients with respect to x, w and b of sum(g * dense(x, w, b))."""
    delta = activation_grad(activation_name, f64(x) @ f64(w) + f64(b), g, **kwargs)
    return delta @ f64(w).T, f64(x).T @ delta, delta.sum(axis=0)


def fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Keras' fan-in and fan-out: a vector's are both its length, a matrix's its two sides."""
    if len(shape) < 2:
        n = float(shape[0]) if shape else 1.0
        return n, n
    receptive = math.prod(shape[:-2])
    return float(shape[-2] * receptive), float(shape[-1] * receptive)


def initializer_law(name: str, shape: tuple[int, ...]) -> tuple[str, float]:
    """("uniform", limit) or ("truncated", standard deviation after the truncation at two sigma)."""
    fan_in, fan_out = fans(shape)
    family, kind = name.split("_")
    scale, fan = {
        "glorot": (1.0, (fan_in + fan_out) / 2),
        "he": (2.0, fan_in),
        "lecun": (1.0, fan_in),
    }[family]
    if kind == "uniform":
        return "uniform", math.sqrt(3 * scale / fan)
    return "truncated", math.sqrt(scale / fan)


# Of a standard normal law cut off at +-2: sqrt(1 - 4 phi(2) / (2 Phi(2) - 1)).
TRUNCATED_STD = math.sqrt(1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2)))
