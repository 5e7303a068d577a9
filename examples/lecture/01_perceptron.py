"""The perceptron: a weighted sum and a non-linear function, y = g(w0 + x^T w).

Here g is the sigmoid, g(z) = 1 / (1 + exp(-z)); the line w0 + x^T w = 0 parts the plane in two.
"""

import drawing
import feedfwd as ff
import numpy as np

w0, w = 1.0, np.array([3.0, -2.0])


def perceptron(x):
    """One number a row."""
    return ff.ops.sigmoid(w0 + ff.ops.matmul(x, w))


x = np.array([-1.0, 2.0])
z = w0 + x @ w
print(f"z = 1 + 3 (-1) - 2 (2) = {z:g}, y = g(z) = {float(perceptron(x)):.4f}")

line = np.linspace(-4, 4, 200)
plane = np.stack(np.meshgrid(line, line), axis=-1)
panel = drawing.panels()
shades = panel.contourf(
    line, line, perceptron(plane).numpy(), levels=np.linspace(0, 1, 21), cmap="cividis"
)
drawing.plt.colorbar(shades, label="output y", ticks=np.linspace(0, 1, 6))
panel.plot(line, (w0 + w[0] * line) / -w[1], "w--", label="z = 0, y = 0.5")
panel.plot(*x, "wo", mec="k", label=f"y(-1, 2) = {float(perceptron(x)):.3f}")
panel.set(xlabel="x1", ylabel="x2", xlim=(-4, 4), ylim=(-4, 4), aspect="equal")
panel.legend(loc="lower right", facecolor="0.7")
drawing.write("01_perceptron")
