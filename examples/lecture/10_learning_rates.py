"""Learning rates: too small crawls, too large overshoots and diverges, the right one arrives.

J(w) = w^4 / 4 - w^2 + w / 3 has a shallow minimum on the way to a deep one; w <- w - rate dJ/dw.
"""

import drawing
import feedfwd as ff
import numpy as np


def cost(w):
    """The loss to go down."""
    return w**4 / 4 - w**2 + w / 3


def descend(rate, start=2.3, steps=15):
    """The way of w."""
    w, way = ff.Variable(np.float64(start)), [start]
    for _ in range(steps):
        with ff.GradientTape() as tape:
            loss = cost(w)
        w.assign_sub(rate * tape.gradient(loss, w))
        way.append(float(w))
        if abs(way[-1]) > 10:
            break
    return np.array(way)


line = np.linspace(-3.2, 2.9, 400)
cases = {"too small": 0.01, "right": 0.3, "too large": 0.65}
for panel, colour, (name, rate) in zip(
    drawing.panels(3), drawing.COLOURS, cases.items(), strict=False
):
    way = descend(rate)
    end = f"at {way[-1]:.3g}" if abs(way[-1]) < 10 else "away"
    print(f"rate {rate}: {name}, after {len(way) - 1} steps {end}")
    panel.plot(line, cost(line), color="0.5")
    panel.plot(way, cost(way), "o-", color=colour, ms=4, lw=1)
    panel.set(title=f"{name}: {rate}", xlabel="w", ylabel="loss J(w)", xlim=(-3.2, 2.8))
    panel.set_ylim(-2, 9)
drawing.write("10_learning_rates")
