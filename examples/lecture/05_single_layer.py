"""One hidden layer: z = x W1 + b1, y = g(z) W2 + b2. More units bend the boundary more often."""

import drawing
import feedfwd as ff

x, y = ff.datasets.two_spirals(400, noise=0.03)

for panel, units in zip(drawing.panels(3), (2, 8, 64), strict=True):
    model = ff.Sequential(
        [
            ff.Input((2,)),
            ff.layers.Dense(units, activation="relu"),
            ff.layers.Dense(1),
        ],
        seed=0,
    )
    loss = ff.losses.BinaryCrossentropy(from_logits=True)
    trainer = ff.Trainer(model, ff.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    history = trainer.fit(x, y, epochs=300, verbose=0).history
    accuracy = 100 * history["accuracy"][-1]
    print(f"{units:>2} hidden units: loss {history['loss'][-1]:.3f}, accuracy {accuracy:.1f} %")
    drawing.regions(panel, model, x, y)
    panel.set_title(f"{units} hidden units: {accuracy:.0f} %")
drawing.write("05_single_layer")
