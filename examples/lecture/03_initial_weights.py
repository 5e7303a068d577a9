"""Weights start as random numbers, W ~ N(0, sigma^2), and sigma decides what the layers see.

tanh(x W) of 128 inputs: with sigma far below 1 / sqrt(128) the signal dies out from layer to layer,
far above it every unit is saturated. The gradient on its way back fares alike.
"""

import drawing
import feedfwd as ff
import numpy as np

x = np.random.default_rng(0).normal(size=(500, 128))
sigmas = (0.01, 1 / np.sqrt(128), 1.0)

for panel, sigma in zip(drawing.panels(3), sigmas, strict=True):
    draw = ff.initializers.RandomNormal(stddev=sigma)
    layers = [ff.layers.Dense(128, "tanh", kernel_initializer=draw) for _ in range(6)]
    model = ff.Sequential([ff.Input((128,)), *layers], seed=0)
    signal, spread = ff.ops.cast(x, "float32"), []
    for layer, colour in zip(
        model.layers, drawing.plt.cm.viridis(np.linspace(0, 0.9, 6)), strict=True
    ):
        signal = layer(signal)
        values = signal.numpy().ravel()
        spread.append(float(values.std()))
        panel.hist(values, bins=60, range=(-1, 1), histtype="step", color=colour, density=True)
    text = ", ".join(f"{s:.2g}" for s in spread)
    print(f"sigma {sigma:.3g}: standard deviation of the outputs, layer by layer: {text}")
    with ff.GradientTape() as tape:
        loss = ff.ops.mean(model(x) ** 2)
    slopes = tape.gradient(loss, [layer.kernel for layer in model.layers])
    text = ", ".join(f"{np.abs(g.numpy()).mean():.1g}" for g in slopes)
    print(f"  mean size of dJ/dW, layer by layer: {text}")
    panel.set(
        title=f"sigma = {sigma:.3g}", xlabel="output of a unit", yscale="log", ylim=(0.01, 60)
    )
    panel.set_ylabel("density (logarithmic)")
colours = drawing.plt.cm.ScalarMappable(drawing.plt.Normalize(1, 6), "viridis")
drawing.plt.colorbar(colours, ax=panel, label="layer")
drawing.write("03_initial_weights")
