"""Mini-batches: the mean gradient of B rows stands for that of all n, at B / n of the work.

dJ/dW = 1/B sum_k dJ_k/dW. Small batches make many noisy steps, large ones few smooth ones.
A batch may be split over threads; the bits do not depend on how many there are.
"""

import time

import drawing
import feedfwd as ff
import numpy as np

(x, y), _ = ff.datasets.digits()
x, epochs = (x / 16.0).astype(np.float32), 20


def run(size):
    """Loss of each epoch, milliseconds an epoch, weights at the end."""
    layers = [ff.Input((64,)), ff.layers.Dense(64, "relu"), ff.layers.Dense(10)]
    model = ff.Sequential(layers, seed=0)
    loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)
    trainer = ff.Trainer(model, ff.optimizers.SGD(0.1), loss)
    start = time.perf_counter()
    history = trainer.fit(x, y, batch_size=size, epochs=epochs, verbose=0)
    return history.history["loss"], 1e3 * (time.perf_counter() - start) / epochs, model


by_epoch, by_time = drawing.panels(2)
sizes = (4, 32, 256, len(x))
for size, colour, line in zip(sizes, drawing.COLOURS, drawing.LINES, strict=False):
    found = {}
    for threads in (1, 2):
        ff.set_num_threads(threads)
        found[threads] = run(size)
    losses, taken, one = found[1]
    pairs = zip(one.get_weights(), found[2][2].get_weights(), strict=True)
    same = all(np.array_equal(a, b) for a, b in pairs)
    print(
        f"batch {size:>4}: {taken:.2f} ms an epoch with 1 thread, {found[2][1]:.2f} with 2; ",
        end="",
    )
    print(f"loss {losses[-1]:.3f}; same bits: {same}")
    by_epoch.plot(range(1, epochs + 1), losses, color=colour, ls=line)
    by_time.plot(
        taken * np.arange(1, epochs + 1), losses, color=colour, ls=line, label=f"{size} rows"
    )
by_epoch.set(xlabel="epoch", ylabel="training loss (logarithmic)", yscale="log")
by_time.set(xlabel="time in ms, 1 thread (logarithmic)", xscale="log", yscale="log")
by_time.set_ylabel("training loss (logarithmic)")
by_time.legend(title="a batch", loc="lower left")
drawing.write("13_batch_sizes")
