"""A network learns handwritten digits: `make demo`, or `python examples/demo.py [FOLDER]`.

Trains 64-128-10 on the embedded digits, measures it on digits it has not seen, compares its speed
with the same work in NumPy, saves the model, loads it back, predicts, and draws learning curves.
"""

from __future__ import annotations

import pathlib
import statistics
import sys
import time

import feedfwd as ff
import numpy as np
from feedfwd.bench import cases
from feedfwd.bench.peers import numpy as in_numpy_alone

ROOT = pathlib.Path(__file__).resolve().parents[1]
LOSS = ff.losses.SparseCategoricalCrossentropy(from_logits=True)


def network() -> ff.Sequential:
    """64 pixels to 10 digits."""
    layers = [ff.Input((64,)), ff.layers.Dense(128, activation="relu"), ff.layers.Dense(10)]
    return ff.Sequential(layers, seed=0)


def train(x: np.ndarray, y: np.ndarray) -> ff.Trainer:
    """Until the validation loss has not fallen for five epochs; the best weights are kept."""
    model = network()
    model.summary()
    trainer = ff.Trainer(model, ff.optimizers.Adam(1e-3), LOSS, metrics=["accuracy"])
    stop = ff.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
    trainer.fit(x, y, batch_size=32, epochs=60, validation_split=0.1, callbacks=[stop])
    return trainer


def samples_per_second(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Training in feedfwd and in NumPy, in turns: same net, batches of 32, Adam; medians."""
    x = np.ascontiguousarray(x, np.float32)
    trainer = ff.Trainer(network(), ff.optimizers.Adam(1e-3), LOSS)
    case, epochs = cases.Training((64, 128, 10), 32, len(x)), 10
    theirs = in_numpy_alone.Net(case)
    trainer.model.set_weights(cases.weights(case.widths))

    def in_feedfwd() -> float:
        return trainer.fit(x, y, batch_size=32, epochs=epochs, verbose=0).history["loss"][-1]

    def in_numpy() -> float:
        return [theirs.epoch(x, y, True) for _ in range(epochs)][-1]

    rates: dict[str, list[float]] = {"feedfwd": [], "NumPy": []}
    for turn in range(6):
        for name, work in (("feedfwd", in_feedfwd), ("NumPy", in_numpy)):
            start = time.perf_counter()
            work()
            if turn:  # the first is the warm-up
                rates[name].append(epochs * len(x) / (time.perf_counter() - start))
    return {name: statistics.median(r) for name, r in rates.items()}


def main() -> None:
    """All of it."""
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "demo").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    (x_train, y_train), (x_test, y_test) = ff.datasets.digits()
    x_train, x_test = x_train / 16.0, x_test / 16.0
    print(f"{len(x_train)} images of 8 x 8 pixels to learn from, {len(x_test)} to test on\n")
    trainer = train(x_train, y_train)

    file, picture = folder / "digits.safetensors", folder / "learning-curves.png"
    trainer.model.save(file)
    model = ff.load_model(file)
    same = np.array_equal(model.predict(x_test), trainer.model.predict(x_test))
    guesses = model.predict(x_test[:8]).argmax(axis=1)
    accuracy = trainer.evaluate(x_test, y_test, verbose=0)["accuracy"]

    print(f"\ntest accuracy: {100 * accuracy:.1f} %")
    rates = samples_per_second(x_train, y_train)
    print(
        f"training speed: {rates['feedfwd']:,.0f} samples a second; NumPy, same work: "
        f"{rates['NumPy']:,.0f} ({rates['feedfwd'] / rates['NumPy']:.1f} times as fast)"
    )
    print(f"saved and loaded: predictions {'equal bit for bit' if same else 'DIFFER'}")
    truth, guessed = (" ".join(map(str, d)) for d in (y_test[:8], guesses))
    print(f"first test digits: {truth}, predicted {guessed}")
    print(f"model: {file}")
    try:
        trainer.history.plot(picture)
        print(f"learning curves: {picture}")
    except ImportError as error:
        print(error)
    python = sys.executable
    print(f"""
Next:
  {python} {ROOT / "examples" / "lecture" / "01_perceptron.py"}   and the others beside it
  {pathlib.Path(python).with_name("feedfwd")} train --help            your own tables
  README.md, docs/lecture.md""")
    if not same:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
