"""The optimizers. In the formulas g is the gradient, lr the learning rate, t the step from 1.

Each takes Optimizer's arguments too and raises its errors: TypeError for an argument of another
type or name, ValueError for a value out of range.
"""

from __future__ import annotations

from typing import Any

from feedfwd.arguments import flag, number
from feedfwd.optimizers.base import Optimizer, registry

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
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **common: Any,
    ) -> None:
        hyper = {
            "momentum": number(momentum, "momentum", 0, 1),
            "nesterov": float(flag(nesterov, "nesterov")),
            "torch": 0.0,
        }
        super().__init__(learning_rate, hyper, **common)

    @classmethod
    def like_torch(cls, lr: float = 0.001, momentum: float = 0.0, nesterov: bool = False) -> SGD:
        """PyTorch's names and formula: ``m = momentum m + g``, ``w -= lr m``, the rate outside m.

        >>> import feedfwd as ff
        >>> ff.optimizers.SGD.like_torch(lr=0.1, momentum=0.9).learning_rate
        0.1
        """
        made = cls(lr, momentum, nesterov)
        made._use_torch_formula()
        return made


@registry.register("adam")
class Adam(Optimizer):
    """Steps by running means of the gradient and its square.

    ``m += (1 - b1)(g - m)``, ``v += (1 - b2)(g^2 - v)`` and
    ``w -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps)``.

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
            "epsilon": number(epsilon, "epsilon", 0),
            "amsgrad": float(flag(amsgrad, "amsgrad")),
            "torch": 0.0,
        }
        super().__init__(learning_rate, hyper, **common)

    @classmethod
    def like_torch(
        cls,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        amsgrad: bool = False,
    ) -> Adam:
        """PyTorch's names, defaults and place of epsilon.

        Its weight_decay, added to the gradient, is not there; AdamW has the decoupled one.

        >>> import feedfwd as ff
        >>> ff.optimizers.Adam.like_torch(lr=0.01, betas=(0.8, 0.99)).get_config()["beta_1"]
        0.8
        """
        made = cls(lr, betas[0], betas[1], eps, amsgrad)
        made._use_torch_formula()
        return made


@registry.register("adamw")
class AdamW(Adam):
    """Adam with decoupled weight decay, 0.004 by default (PyTorch: 0.01).

    Args:
        weight_decay: at least 0; ``w -= w lr weight_decay`` before each step.
        learning_rate, beta_1, beta_2, epsilon, amsgrad, common: see :class:`Adam`.

    Example:
        >>> import feedfwd as ff
        >>> ff.optimizers.AdamW().weight_decay
        0.004

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
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **common
        )

    @classmethod
    def like_torch(
        cls,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
    ) -> AdamW:
        """PyTorch's names, defaults and place of epsilon."""
        made = cls(lr, weight_decay, betas[0], betas[1], eps, amsgrad)
        made._use_torch_formula()
        return made


@registry.register("adadelta")
class Adadelta(Optimizer):
    """Steps by the ratio of running means of squared steps and squared gradients.

    ``a = rho a + (1 - rho) g^2``, ``d = sqrt(u + eps) / sqrt(a + eps) g``,
    ``u = rho u + (1 - rho) d^2`` and ``w -= lr d``.

    Args:
        learning_rate: default 0.001 (the paper's and PyTorch's is 1).
        rho: 0 to 1, default 0.95 (PyTorch: 0.9).
        epsilon: default 1e-7 (PyTorch: 1e-6).
        **common: weight_decay, clipnorm, clipvalue, global_clipnorm, name; see :class:`Optimizer`.

    Example:
        >>> import feedfwd as ff
        >>> ff.optimizers.Adadelta(1.0).get_config()["rho"]
        0.95

    Source: Zeiler, 2012.
    """

    kind = "adadelta"

    def __init__(
        self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **common: Any
    ) -> None:
        hyper = {"rho": number(rho, "rho", 0, 1), "epsilon": number(epsilon, "epsilon", 0)}
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

    Example:
        >>> import feedfwd as ff
        >>> ff.optimizers.Adagrad(0.1).get_config()["initial_accumulator_value"]
        0.1

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
            "initial_accumulator_value": number(
                initial_accumulator_value, "initial_accumulator_value", 0
            ),
            "epsilon": number(epsilon, "epsilon", 0),
            "torch": 0.0,
        }
        super().__init__(learning_rate, hyper, **common)

    @classmethod
    def like_torch(
        cls, lr: float = 0.01, eps: float = 1e-10, initial_accumulator_value: float = 0.0
    ) -> Adagrad:
        """PyTorch's names, defaults and place of epsilon."""
        made = cls(lr, initial_accumulator_value, eps)
        made._use_torch_formula()
        return made


@registry.register("rmsprop")
class RMSprop(Optimizer):
    """``a = rho a + (1 - rho) g^2``, ``w -= lr g / sqrt(a + eps)``.

    Centered subtracts the square of the gradient's running mean from a; with momentum
    ``m = momentum m + step`` and ``w -= m``.

    Args:
        learning_rate: default 0.001 (PyTorch: 0.01).
        rho: 0 to 1, default 0.9 (PyTorch's alpha: 0.99).
        momentum: 0 to 1, default 0.
        epsilon: default 1e-7 (PyTorch: 1e-8, outside the root).
        centered: default False.
        **common: weight_decay, clipnorm, clipvalue, global_clipnorm, name; see :class:`Optimizer`.

    Example:
        >>> import feedfwd as ff
        >>> ff.optimizers.RMSprop(centered=True).get_config()["centered"]
        True

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
            "epsilon": number(epsilon, "epsilon", 0),
            "centered": float(flag(centered, "centered")),
            "torch": 0.0,
        }
        super().__init__(learning_rate, hyper, **common)

    @classmethod
    def like_torch(
        cls,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> RMSprop:
        """PyTorch's names, defaults and place of epsilon."""
        made = cls(lr, alpha, momentum, eps, centered)
        made._use_torch_formula()
        return made
