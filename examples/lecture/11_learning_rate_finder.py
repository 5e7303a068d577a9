"""Finding a learning rate: raise it with every step, watch the loss, take where it falls fastest.

rate_i = start (end / start)^(i / (steps - 1)); the model is left as it was.
"""

import drawing
import feedfwd as ff
import numpy as np

(x, y), _ = ff.datasets.digits()
x = x / 16.0
model = ff.Sequential([ff.Input((64,)), ff.layers.Dense(64, "relu"), ff.layers.Dense(10)], seed=0)
loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)
trainer = ff.Trainer(model, "sgd", loss)

before = model.get_weights()
found = trainer.find_learning_rate(x, y, batch_size=32)
same = all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
print(f"suggestion: {found.suggestion:.2g}; weights as before: {same}")

panel, curve = drawing.panels(2)
panel.plot(found.learning_rates, found.losses, color="0.75", label="loss of each step")
panel.plot(found.learning_rates, found.smoothed, color=drawing.COLOURS[0], label="smoothed")
panel.axvline(found.suggestion, color=drawing.COLOURS[1], ls="--", label="suggestion")
panel.set(xscale="log", xlabel="learning rate (logarithmic)", ylabel="loss", ylim=(0, 4))
panel.legend()

rates = (found.suggestion / 30, found.suggestion, found.suggestion * 30)
for rate, colour, line in zip(rates, drawing.COLOURS, drawing.LINES, strict=False):
    trainer = ff.Trainer(model.clone(), ff.optimizers.SGD(rate), loss, on_nonfinite="ignore")
    losses = trainer.fit(x, y, epochs=15, verbose=0).history["loss"]
    print(f"rate {rate:.2g}: loss {losses[-1]:.3f} after {len(losses)} epochs")
    curve.plot(range(1, 16), losses, color=colour, ls=line, label=f"rate {rate:.2g}")
curve.set(xlabel="epoch", ylabel="training loss", ylim=(0, 4))
curve.legend()
drawing.write("11_learning_rate_finder")
