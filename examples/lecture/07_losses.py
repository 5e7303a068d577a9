"""Losses: what a wrong prediction costs; J(W) is the mean over the rows.

binary cross-entropy -[y log p + (1 - y) log(1 - p)], softmax cross-entropy -log softmax(z)_y,
squared error (y - p)^2: never negative, and 0 only where the prediction is right.
"""

import drawing
import feedfwd as ff
import numpy as np

p, z = np.linspace(0.005, 0.995, 199)[:, None], np.linspace(-5, 5, 201)[:, None]
one, zero = np.ones_like(p), np.zeros_like(p)
binary, squared, several = drawing.panels(3)
cross_entropy = ff.losses.binary_crossentropy
binary.plot(p, cross_entropy(one, p), color=drawing.COLOURS[0], label="truth 1")
binary.plot(p, cross_entropy(zero, p), color=drawing.COLOURS[1], ls="--", label="truth 0")
binary.set(title="binary cross-entropy", xlabel="predicted probability p", ylabel="loss")

error = ff.losses.mean_squared_error(np.full_like(z, 1.0), z)
squared.plot(z, error, color=drawing.COLOURS[0], label="truth 1")
squared.set(title="squared error", xlabel="prediction", ylabel="loss")

logits = np.concatenate([z, np.zeros((201, 2))], axis=1)  # the first of three classes against two
for label, colour, line in ((0, drawing.COLOURS[0], "-"), (1, drawing.COLOURS[1], "--")):
    labels = np.full(201, label)
    loss = ff.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    several.plot(z, loss, color=colour, ls=line, label=f"truth is class {label}")
several.set(title="softmax cross-entropy, 3 classes", xlabel="logit of class 0", ylabel="loss")
for panel in (binary, squared, several):
    panel.legend()

probabilities, truth = np.array([[0.9], [0.2]]), np.array([[1.0], [0.0]])
mean = float(ff.losses.BinaryCrossentropy()(truth, probabilities))
print(f"binary cross-entropy of p = 0.9 and 0.2 where 1 and 0 are true: {mean:.4f}")
print(f"(-log 0.9 - log 0.8) / 2 =                                      {-np.log(0.72) / 2:.4f}")
far = float(ff.losses.BinaryCrossentropy(from_logits=True)([[1.0]], np.array([[-100.0]])))
print(f"from a logit of -100 where 1 is true: {far:g}, which no probability could tell")
mean = float(ff.losses.MeanSquaredError()([[1.0], [2.0]], np.array([[3.0], [2.0]])))
print(f"mean squared error of 3 and 2 where 1 and 2 are true: {mean:g}")
drawing.write("07_losses")
