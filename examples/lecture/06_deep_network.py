"""Deep networks: layer on layer, z_k = g(z_{k-1}) W_k + b_k: more done with fewer weights."""

import drawing
import feedfwd as ff

x, y = ff.datasets.two_spirals(400, noise=0.03)
networks = {"1 hidden layer": [100], "2 hidden layers": [16, 16], "3 hidden layers": [12, 12, 12]}

for panel, (name, widths) in zip(drawing.panels(3), networks.items(), strict=True):
    model = ff.Sequential(
        [
            ff.Input((2,)),
            *(ff.layers.Dense(width, activation="relu") for width in widths),
            ff.layers.Dense(1),
        ],
        seed=0,
    )
    loss = ff.losses.BinaryCrossentropy(from_logits=True)
    trainer = ff.Trainer(model, ff.optimizers.Adam(0.003), loss, metrics=["accuracy"])
    history = trainer.fit(x, y, epochs=400, verbose=0).history
    accuracy = 100 * history["accuracy"][-1]
    print(f"{name}, {model.count_params()} parameters: ", end="")
    print(f"loss {history['loss'][-1]:.4f}, accuracy {accuracy:.1f} %")
    drawing.regions(panel, model, x, y)
    panel.set_title(f"{name}: {accuracy:.0f} %")
drawing.write("06_deep_network")
