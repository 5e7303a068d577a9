"""Backpropagation: the chain rule, factor by factor, beside what the tape says.

x -w1-> z1 -g-> a1 -w2-> y, J = (y - t)^2:   dJ/dw1 = dJ/dy  dy/da1  da1/dz1  dz1/dw1.
"""

import drawing
import feedfwd as ff

x, target = 1.5, 0.8
w1, w2 = ff.Variable(0.6), ff.Variable(-1.2)
with ff.GradientTape() as tape:
    z1 = w1 * x
    a1 = ff.ops.tanh(z1)
    y = w2 * a1
    J = (y - target) ** 2
by_tape = [float(g) for g in tape.gradient(J, [w1, w2])]

factors = {
    "dJ/dy = 2 (y - t)": 2 * (float(y) - target),
    "dy/da1 = w2": float(w2),
    "da1/dz1 = 1 - a1^2": 1 - float(a1) ** 2,
    "dz1/dw1 = x": x,
}
product = 1.0
for name, value in factors.items():
    product *= value
    print(f"{name:<20} {value:+.6f}   product so far {product:+.6f}")
by_hand = {"dJ/dw1": product, "dJ/dw2": factors["dJ/dy = 2 (y - t)"] * float(a1)}
panel = drawing.panels()
for i, (name, value) in enumerate(by_hand.items()):
    print(f"{name}: by hand {value:+.6f}, by the tape {by_tape[i]:+.6f}")
    panel.bar(i - 0.17, value, 0.3, color=drawing.COLOURS[0], label="by hand" * (i == 0))
    panel.bar(i + 0.17, by_tape[i], 0.3, color=drawing.COLOURS[1], label="by the tape" * (i == 0))
panel.set(xticks=[0, 1], xticklabels=by_hand, ylabel="gradient")
panel.axhline(0, color="k", lw=0.8)
panel.legend()
drawing.write("08_chain_rule")
