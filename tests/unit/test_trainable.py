"""Which variables are trained, while what a layer is made of changes."""

import copy
import gc
import weakref

import feedfwd as ff
import numpy as np


def test_trainable_variables_see_every_change():
    class Several(ff.Model):
        def __init__(self):
            super().__init__(seed=0)
            self.parts = [ff.layers.Dense(3)]
            self.scales = {"one": ff.Variable(1.0, name="one")}

        def call(self, x):
            for part in self.parts:
                x = part(x)
            return x * self.scales["one"]

    model = Several()
    model(np.ones((2, 3), np.float32))

    def names():
        found = model.trainable_variables
        found.clear()  # a list of the caller's own
        return [v.name for v in model.trainable_variables]

    first = names()
    assert sorted(first) == ["bias", "kernel", "one"]
    model.parts.append(ff.layers.Dense(3))  # nobody is told
    model(np.ones((2, 3), np.float32))
    assert len(names()) == 5
    model.parts[0].trainable = False
    assert len(names()) == 3
    model.parts[0].trainable = True
    assert len(names()) == 5
    model.scales["two"] = ff.Variable(2.0, name="two")
    assert "two" in names()
    model.scales["three"] = ff.Variable(2.0, trainable=False, name="three")
    assert "three" not in names()
    old = model.scales["one"]
    model.scales["one"] = ff.Variable(3.0, name="new one")
    assert "new one" in names()
    assert any(v is old for v in model.variables)  # a weight it had stays one, as before
    del model.parts[1]
    assert len(names()) == 5
    model.parts[0].extra = ff.Variable(np.zeros(2), name="extra")
    assert "extra" in names()
    model.parts[0].add_weight((2,), name="unheld")
    assert "unheld" in names()
    twin = copy.deepcopy(model)
    assert [v.name for v in twin.trainable_variables] == names()
    assert not set(map(id, twin.trainable_variables)) & set(map(id, model.trainable_variables))


class Box(ff.layers.Layer):
    def __init__(self, *items):
        super().__init__()
        self.items = list(items)

    def call(self, x):
        return x


class Aside(ff.layers.Layer):
    """Weights that no attribute holds."""

    def build(self, input_shape):
        weight = self.add_weight((input_shape[-1], 3))
        self.aside = lambda: weight

    def call(self, x):
        return x @ self.aside()


def by_definition(layer):
    """Trainable variables, looked for in another way."""
    frozen = {id(v) for part in layer._flatten() if not part.trainable for v in part.variables}
    return [v for v in layer.variables if v.trainable and id(v) not in frozen]


def test_trainable_variables_of_a_tree_that_changes():
    rng = np.random.default_rng(0)
    for _ in range(40):
        leaves = [ff.layers.Dense(2) for _ in range(3)] + [Aside()]
        for leaf in leaves:
            leaf(np.ones((1, 2), np.float32))
        boxes = [Box() for _ in range(3)]
        root = Box(*boxes)
        for _ in range(30):
            what, box = rng.integers(6), boxes[rng.integers(3)]
            leaf = leaves[rng.integers(4)]
            if what == 0:
                box.items.append(leaf)
            elif what == 1 and box.items:
                del box.items[rng.integers(len(box.items))]
            elif what == 2:
                box._trainable = bool(rng.integers(2))  # its own flag alone
            elif what == 3:
                leaf.trainable = bool(rng.integers(2))
            elif what == 4:
                leaf.variables[0].trainable = bool(rng.integers(2))
            else:
                root.items[:] = [boxes[i] for i in rng.permutation(3)]
            found = root.trainable_variables
            wanted = by_definition(root)
            assert [id(v) for v in found] == [id(v) for v in wanted]


def test_a_model_whose_variables_were_asked_for_is_no_circle():
    model = ff.Sequential([ff.Input((2,)), ff.layers.Dense(1)], seed=0)
    assert len(model.trainable_variables) == 2
    gone = weakref.ref(model)
    gc.disable()
    try:
        del model
        assert gone() is None
    finally:
        gc.enable()
