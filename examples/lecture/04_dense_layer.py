"""A dense layer of one's own: y = sigmoid(x W + b), as the built-in one computes it."""

import drawing
import feedfwd as ff
import numpy as np


class MyDenseLayer(ff.layers.Layer):
    """Every output is connected to every input."""

    def __init__(self, input_dim, output_dim):
        super().__init__()
        self.W = self.add_weight([input_dim, output_dim])
        self.b = self.add_weight([1, output_dim], initializer="zeros")

    def call(self, inputs):
        """Matrix product, bias, activation."""
        z = ff.ops.matmul(inputs, self.W) + self.b
        return ff.ops.sigmoid(z)


x, y = ff.datasets.regression_curve(300)
losses = {}
for name, layer in {
    "my layer": MyDenseLayer(1, 32),
    "ff.layers.Dense": ff.layers.Dense(32, activation="sigmoid"),
}.items():
    model = ff.Sequential([ff.Input((1,)), layer, ff.layers.Dense(1)], seed=0)
    trainer = ff.Trainer(model, ff.optimizers.Adam(0.02), loss="mse")
    losses[name] = trainer.fit(x, y, epochs=100, verbose=0).history["loss"]
    print(f"{name:<16} loss after 100 epochs: {losses[name][-1]:.6f}")
print("the same bits in every epoch:", np.array_equal(*losses.values()))

panel = drawing.panels()
for (name, values), width in zip(losses.items(), (4, 1.5), strict=True):
    colour = drawing.COLOURS[0] if width == 4 else drawing.COLOURS[1]
    panel.plot(range(1, 101), values, color=colour, lw=width, label=name)
panel.set(xlabel="epoch", ylabel="training loss")
panel.legend()
drawing.write("04_dense_layer")
