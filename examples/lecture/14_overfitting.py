"""Overfitting: the training loss falls on while the loss on rows held back rises.

Two ways out: dropout sets each activation to 0 with probability p in training, and scales the rest
by 1 / (1 - p); early stopping keeps the weights from before the loss on those rows began to rise.
"""

import drawing
import feedfwd as ff

x, y = ff.datasets.two_spirals(200, noise=0.1, seed=1)
x_held, y_held = ff.datasets.two_spirals(1000, noise=0.1, seed=2)  # to stop by
x_new, y_new = ff.datasets.two_spirals(1000, noise=0.1, seed=3)  # to measure on
loss = ff.losses.BinaryCrossentropy(from_logits=True)


def train(rate, callbacks=(), epochs=400):
    """A net far too large for 200 points; its trainer."""
    layers = [ff.Input((2,))]
    for _ in range(3):
        layers += [ff.layers.Dense(128, "relu")] + [ff.layers.Dropout(rate)] * (rate > 0)
    model = ff.Sequential([*layers, ff.layers.Dense(1)], seed=0)
    trainer = ff.Trainer(model, ff.optimizers.Adam(0.003), loss, metrics=["accuracy"])
    held = (x_held, y_held)
    trainer.fit(x, y, epochs=epochs, validation_data=held, callbacks=list(callbacks), verbose=0)
    return trainer


stop = ff.callbacks.EarlyStopping(patience=60, restore_best_weights=True)
runs = {"nothing done": train(0), "dropout 0.3": train(0.3), "early stopping": train(0, [stop])}
panels = drawing.panels(3)
for panel, (name, trainer) in zip(panels, runs.items(), strict=True):
    before, after = (trainer.evaluate(*rows, verbose=0) for rows in ((x, y), (x_new, y_new)))
    print(f"{name:<15} loss of training rows {before['loss']:.3f}, of new rows {after['loss']:.3f}")
    history = trainer.history.history
    epochs = range(1, len(history["loss"]) + 1)
    panel.plot(epochs, history["loss"], color=drawing.COLOURS[0], label="training")
    panel.plot(epochs, history["val_loss"], color=drawing.COLOURS[1], ls="--", label="held back")
    panel.set(title=name, xlabel="epoch", ylabel="loss", xlim=(0, 400), ylim=(0, 1))
best, last = stop.best_epoch + 1, stop.stopped_epoch + 1
print(f"stopped after epoch {last}, back to the weights of epoch {best}")
panels[2].axvline(best, color="0.4", ls=":", label=f"weights of epoch {best}")
panels[2].axvline(last, color="0.4", label=f"stopped, epoch {last}")
for panel in panels:
    panel.legend()
drawing.write("14_overfitting")
