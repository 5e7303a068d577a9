"""The training loop written out: pick a batch, go forward, take gradients, let the optimizer step.

The Trainer does the same in the core; from the same weights and batches both get the same numbers.
"""

import drawing
import feedfwd as ff
import numpy as np

(x, y), _ = ff.datasets.digits()
x, size, epochs = (x / 16.0).astype(np.float32), 32, 5
compute_loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)


def network():
    """64-32-10."""
    layers = [ff.Input((64,)), ff.layers.Dense(32, "relu"), ff.layers.Dense(10)]
    return ff.Sequential(layers, seed=0)


model, optimizer, by_hand = network(), ff.optimizers.SGD(0.1), []
for _ in range(epochs):
    total = 0.0
    for first in range(0, len(x), size):
        batch, truth = x[first : first + size], y[first : first + size]
        with ff.GradientTape() as tape:
            loss = compute_loss(truth, model(batch, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        total += float(loss) * len(batch)
    by_hand.append(total / len(x))

trainer = ff.Trainer(network(), ff.optimizers.SGD(0.1), compute_loss)
history = trainer.fit(x, y, batch_size=size, epochs=epochs, shuffle=False, verbose=0).history
pairs = zip(model.get_weights(), trainer.model.get_weights(), strict=True)
print("losses by hand:     ", " ".join(f"{v:.6f}" for v in by_hand))
print("losses of Trainer:  ", " ".join(f"{v:.6f}" for v in history["loss"]))
print("weights equal bit for bit:", all(np.array_equal(a, b) for a, b in pairs))

panel = drawing.panels()
steps = range(1, epochs + 1)
panel.plot(steps, by_hand, color=drawing.COLOURS[0], lw=4, label="loop by hand")
panel.plot(steps, history["loss"], color=drawing.COLOURS[1], lw=1.5, label="Trainer.fit")
panel.set(xlabel="epoch", ylabel="training loss", xticks=steps)
panel.legend()
drawing.write("15_training_loop")
