"""Three activation functions and their derivatives, the latter from a tape.

sigmoid: g = 1 / (1 + exp(-z)), g' = g (1 - g);  tanh: g' = 1 - g^2;  relu: g = max(0, z), g' = 1
where z > 0, else 0.
"""

import drawing
import feedfwd as ff
import numpy as np

z = np.linspace(-5, 5, 401)
formulas = {
    "sigmoid": lambda g: g * (1 - g),
    "tanh": lambda g: 1 - g**2,
    "relu": lambda g: np.where(z > 0, 1.0, 0.0),
}

for panel, (name, derivative) in zip(drawing.panels(3), formulas.items(), strict=True):
    variable = ff.Variable(z)
    with ff.GradientTape() as tape:
        g = ff.activations.get(name)(variable)
        total = ff.ops.sum(g)  # each g_i depends on z_i alone
    slope = tape.gradient(total, variable).numpy()
    error = np.abs(slope - derivative(g.numpy())).max()
    print(f"{name:<8} the tape and the formula differ by at most {error:.1e}")
    panel.plot(z, g, color=drawing.COLOURS[0], label="g(z)")
    panel.plot(z, slope, color=drawing.COLOURS[1], ls="--", label="g'(z)")
    panel.set(title=name, xlabel="z", ylim=(-1.3, 2.3))
    panel.legend(loc="upper left")
drawing.write("02_activations")
