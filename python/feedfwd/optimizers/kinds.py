"""The optimizers. Each says its formula; g is the gradient, lr the learning rate, t the step from 1."""

from __future__ import annotations

from typing import Any

from feedfwd.optimizers.base import Optimizer, flag, number, registry

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "RMSprop"]


@registry.register("sgd")
class SGD(Optimizer):
    """Gradient descent: ``w -= lr g``; with momentum ``m = momentum m - lr g`` and ``w += m``.

    Nesterov's variant: ``w += momentum m - lr g``.

    Args:
        learning_rate: default 0.01.
        momentum: 0 to 1, default 0.
        nesterov: default False.
        **common: weight_decay, clipnorm, clipvalue, global_clipnorm, name; see :class:`Optimizer`.

    Example:
        >>> import feedfwd as ff
        >>> ff.optimizers.SGD(0.1, momentum=0.9).learning_rate
        0.1

    Source: Polyak, 1964; Sutskever et al., 2013.
    """

    kind = "sgd"

    def __init__(
        self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, **common: Any
    ) -> None:
        hyper = {
            "momentum": number(momentum, "momentum", 0, 1),
            "nesterov": float(flag(nesterov, "nesterov")),
            "torch": 0.0,
        }
        super().__init__(learning_rate, hyper, **common)

    @classmethod
    def like_torch(cls, lr: float = 0.001, momentum: float = 0.0, nesterov: bool = False) -> SGD:
        """PyTorch's names and formula: ``m = momentum m + g``, ``w -= lr m`` (the rate stands outside m)."""
        made = cls(lr, momentum, nesterov)
        made._use_torch_formula()
        return made


@registry.register("adam")
class Adam(Optimizer):
    """``m += (1 - b1)(g - m)``, ``v += (1 - b2)(g^2 - v)``, ``w -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps)``.

    With amsgrad, v is replaced by its largest value so far.

    Args:
        learning_rate: default 0.001.
        beta_1, beta_2: below 1, default 0.9 and 0.999.
        epsilon: default 1e-7 (PyTorch: 1e-8, added beside the bias-corrected root).
        amsgrad: default False.
        **common: weight_decay, clipnorm, clipvalue, global_clipnorm, name; see :class:`Optimizer`.

    Example:
        >>> import feedfwd as ff
        >>> ff.optimizers.Adam().rate_at(0)
        0.001

    Source: Kingma and Ba, 2015; Reddi, Kale and Kumar, 2018.
    """

    kind = "adam"

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Any,
    ) -> None:
        hyper = {
            "beta_1": number(beta_1, "beta_1", 0, 1, open_high=True),
            "beta_2": number(beta_2, "beta_2", 0, 1, open_high=True),
            "epsilon": number(epsilon, "epsilon"),
            "amsgrad": float(flag(amsgrad, "amsgrad")),
            "torch": 0.0,
        }
        super().__init__(learning_rate, hyper, **common)

    @classmethod
    def like_torch(
        cls, lr: float = 0.001, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> Adam:
        """PyTorch's names, defaults and place of epsilon."""
        made = cls(lr, betas[0], betas[1], eps)
        made._use_torch_formula()
        return made


@registry.register("adamw")
class AdamW(Adam):
    """Adam with weight decay, 0.004 by default (PyTorch: 0.01).

    Source: Loshchilov and Hutter, 2019.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **common)

    @classmethod
    def like_torch(
        cls,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> AdamW:
        """PyTorch's names, defaults and place of epsilon."""
        made = cls(lr, weight_decay, betas[0], betas[1], eps)
        made._use_torch_formula()
        return made


@registry.register("adadelta")
class Adadelta(Optimizer):
    """``a = rho a + (1 - rho) g^2``, ``d = sqrt(u + eps) / sqrt(a + eps) g``, ``u = rho u + (1 - rho) d^2``, ``w -= lr d``.

    Args:
        learning_rate: default 0.001 (the paper's and PyTorch's is 1).
        rho: 0 to 1, default 0.95 (PyTorch: 0.9).
        epsilon: default 1e-7 (PyTorch: 1e-6).
        **common: weight_decay, clipnorm, clipvalue, global_clipnorm, name; see :class:`Optimizer`.

    Source: Zeiler, 2012.
    """

    kind = "adadelta"

    def __init__(
        self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **common: Any
    ) -> None:
        hyper = {"rho": number(rho, "rho", 0, 1), "epsilon": number(epsilon, "epsilon")}
        super().__init__(learning_rate, hyper, **common)

    @classmethod
    def like_torch(cls, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6) -> Adadelta:
        """PyTorch's names and defaults; the formula is the same."""
        return cls(lr, rho, eps)


@registry.register("adagrad")
class Adagrad(Optimizer):
    """``a += g^2``, ``w -= lr g / sqrt(a + eps)``.

    Args:
        learning_rate: default 0.001.
        initial_accumulator_value: a at the start, default 0.1 (PyTorch: 0).
        epsilon: default 1e-7 (PyTorch: 1e-10, outside the root).
        **common: weight_decay, clipnorm, clipvalue, global_clipnorm, name; see :class:`Optimizer`.

    Source: Duchi, Hazan and Singer, 2011.
    """

    kind = "adagrad"

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **common: Any,
    ) -> None:
        hyper = {
            "initial_accumulator_value": number(initial_accumulator_value, "initial_accumulator_value"),
            "epsilon": number(epsilon, "epsilon"),
            "torch": 0.0,
        }
        super().__init__(learning_rate, hyper, **common)

    @classmethod
    def like_torch(cls, lr: float = 0.01, eps: float = 1e-10, initial_accumulator_value: float = 0.0) -> Adagrad:
        """PyTorch's names, defaults and place of epsilon."""
        made = cls(lr, initial_accumulator_value, eps)
        made._use_torch_formula()
        return made


@registry.register("rmsprop")
class RMSprop(Optimizer):
    """``a = rho a + (1 - rho) g^2``, ``w -= lr g / sqrt(a + eps)``.

    Centered subtracts the square of the gradient's mean from a; with momentum ``m = momentum m + step``, ``w -= m``.

    Args:
        learning_rate: default 0.001 (PyTorch: 0.01).
        rho: 0 to 1, default 0.9 (PyTorch's alpha: 0.99).
        momentum: 0 to 1, default 0.
        epsilon: default 1e-7 (PyTorch: 1e-8, outside the root).
        centered: default False.
        **common: weight_decay, clipnorm, clipvalue, global_clipnorm, name; see :class:`Optimizer`.

    Source: Tieleman and Hinton, 2012; Graves, 2013.
    """

    kind = "rmsprop"

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **common: Any,
    ) -> None:
        hyper = {
            "rho": number(rho, "rho", 0, 1),
            "momentum": number(momentum, "momentum", 0, 1),
            "epsilon": number(epsilon, "epsilon"),
            "centered": float(flag(centered, "centered")),
            "torch": 0.0,
        }
        super().__init__(learning_rate, hyper, **common)

    @classmethod
    def like_torch(
        cls, lr: float = 0.01, alpha: float = 0.99, eps: float = 1e-8, momentum: float = 0.0, centered: bool = False
    ) -> RMSprop:
        """PyTorch's names, defaults and place of epsilon."""
        made = cls(lr, alpha, momentum, eps, centered)
        made._use_torch_formula()
        return made
