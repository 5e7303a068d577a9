"""Gradient descent by hand on a loss surface: W <- W - rate dJ/dW, until it hardly moves.

The model is y = sigmoid(w0 + w1 x), the loss the mean binary cross-entropy of forty points.
"""

import drawing
import feedfwd as ff
import numpy as np

rng = np.random.default_rng(0)
x = rng.normal(size=40)
y = (x + 0.8 * rng.normal(size=40) > 0.3).astype(float)
cross_entropy = ff.losses.BinaryCrossentropy(from_logits=True)


def cost(weights):
    """J(w0, w1)."""
    return cross_entropy(y, weights[0] + weights[1] * x)


weights, rate, way = ff.Variable(np.array([-3.0, -1.5])), 1.0, []
while True:
    with ff.GradientTape() as tape:
        loss = cost(weights)
    gradient = tape.gradient(loss, weights)
    way.append((*weights.numpy(), float(loss)))
    if np.abs(gradient.numpy()).max() < 1e-4:
        break
    weights.assign_sub(rate * gradient)

w0, w1, losses = np.array(way).T
end = f"w0 = {w0[-1]:.3f}, w1 = {w1[-1]:.3f}"
print(f"{len(way) - 1} steps: loss {losses[0]:.4f} to {losses[-1]:.4f}, at {end}")
a, b = np.meshgrid(np.linspace(-4, 2, 80), np.linspace(-2.5, 5, 80))
surface = np.vectorize(lambda *w: float(cost(np.array(w))))(a, b)
panel, curve = drawing.panels(2)
lines = panel.contour(a, b, surface, levels=20, cmap="cividis")
drawing.plt.colorbar(lines, ax=panel, label="loss J")
panel.plot(w0, w1, "o-", color=drawing.COLOURS[1], ms=3, lw=1, label="way of the weights")
panel.plot(w0[-1], w1[-1], "*", color="k", ms=10, label=end)
panel.set(xlabel="w0", ylabel="w1")
panel.legend(loc="upper left", framealpha=1)
curve.plot(losses, color=drawing.COLOURS[1])
curve.set(xlabel="step", ylabel="loss J")
drawing.write("09_gradient_descent")
