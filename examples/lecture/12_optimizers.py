"""Five ways to use the same gradients: SGD, Adam, Adadelta, Adagrad, RMSprop.

SGD: w <- w - rate g. The others divide by what they remember of g, each in its own way.
"""

import drawing
import feedfwd as ff

(x, y), (x_test, y_test) = ff.datasets.digits()
x, x_test = x / 16.0, x_test / 16.0
optimizers = [
    ff.optimizers.SGD(0.1),
    ff.optimizers.Adam(0.003),
    ff.optimizers.Adadelta(1.0),
    ff.optimizers.Adagrad(0.03),
    ff.optimizers.RMSprop(0.003),
]

panel = drawing.panels()
for optimizer, colour, line in zip(optimizers, drawing.COLOURS, drawing.LINES, strict=True):
    layers = [ff.Input((64,)), ff.layers.Dense(64, "relu"), ff.layers.Dense(10)]
    model = ff.Sequential(layers, seed=0)  # the same weights and the same batches for each
    loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)
    trainer = ff.Trainer(model, optimizer, loss, metrics=["accuracy"])
    losses = trainer.fit(x, y, epochs=20, verbose=0).history["loss"]
    name = f"{type(optimizer).__name__} ({optimizer.learning_rate:g})"
    accuracy = trainer.evaluate(x_test, y_test, verbose=0)["accuracy"]
    print(f"{name:<18} loss {losses[-1]:.4f}, test accuracy {100 * accuracy:.1f} %")
    panel.plot(range(1, 21), losses, color=colour, ls=line, label=name)
panel.set(yscale="log", xlabel="epoch", ylabel="training loss (logarithmic)")
panel.xaxis.get_major_locator().set_params(integer=True)
panel.legend(title="optimizer (learning rate)")
drawing.write("12_optimizers")
