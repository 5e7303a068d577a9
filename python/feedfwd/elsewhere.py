"""Names that users of other libraries look for: each error says what to write here instead."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

_LOGITS = "(from_logits=True)"
_NAMES: dict[str, dict[str, str]] = {
    "": {
        "Tape": "ff.GradientTape",
        "constant": "ff.ops.convert_to_tensor(values)",
        "convert_to_tensor": "ff.ops.convert_to_tensor(values)",
        "from_numpy": "ff.ops.convert_to_tensor(values)",
        "keras": "ff.layers, ff.Sequential, ff.Trainer",
        "manual_seed": "ff.Sequential(..., seed=0), or ff.random.set_seed(0)",
        "models": "ff.Sequential, ff.Model, ff.load_model",
        "nn": "ff.layers, ff.losses, ff.activations",
        "no_grad": "nothing: only what runs inside a ff.GradientTape is recorded",
        "optim": "ff.optimizers",
        "relu": "ff.activations.relu",
        "set_random_seed": "ff.Sequential(..., seed=0), or ff.random.set_seed(0)",
        "sigmoid": "ff.activations.sigmoid",
        "softmax": "ff.activations.softmax",
        "tanh": "ff.activations.tanh",
        "tensor": "ff.ops.convert_to_tensor(values)",
        "utils": "ff.ops.one_hot for to_categorical, seed=... for set_random_seed",
        "MLPClassifier": "ff.Sequential and ff.Trainer, as docs/coming-from.md shows",
        "MLPRegressor": "ff.Sequential and ff.Trainer, as docs/coming-from.md shows",
    },
    "layers": {
        "ELU": 'ff.layers.Activation("elu")',
        "GELU": 'ff.layers.Activation("gelu")',
        "Input": "ff.Input(shape)",
        "LeakyReLU": 'ff.layers.Activation("leaky_relu")',
        "Linear": "ff.layers.Dense(units)",
        "ReLU": 'ff.layers.Activation("relu")',
        "Sigmoid": 'ff.layers.Activation("sigmoid")',
        "Softmax": 'ff.layers.Activation("softmax")',
        "Tanh": 'ff.layers.Activation("tanh")',
    },
    "losses": {
        "BCELoss": "ff.losses.BinaryCrossentropy()",
        "BCEWithLogitsLoss": f"ff.losses.BinaryCrossentropy{_LOGITS}",
        "CrossEntropyLoss": f"ff.losses.SparseCategoricalCrossentropy{_LOGITS}",
        "L1Loss": "ff.losses.MeanAbsoluteError()",
        "MSELoss": "ff.losses.MeanSquaredError()",
    },
    "callbacks": {
        "ProgbarLogger": "fit(..., verbose=1)",
        "TerminateOnNaN": 'Trainer(..., on_nonfinite="stop")',
    },
    "ops": {
        "argsort": "np.argsort on tensor.numpy()",
        "reduce_max": "ff.ops.max",
        "reduce_mean": "ff.ops.mean",
        "reduce_min": "ff.ops.min",
        "reduce_sum": "ff.ops.sum",
    },
    "random": {
        "manual_seed": "ff.random.set_seed(0)",
        "seed": "ff.random.set_seed(0)",
    },
    "optimizers": {},
    "metrics": {},
    "initializers": {},
    "activations": {},
    "datasets": {"mnist": "ff.datasets.load_idx(folder)"},
}
MODEL = {
    "build_graph": "ff.Model(inputs, outputs)",
    "compile": 'trainer = ff.Trainer(model, optimizer="adam", loss="mse")',
    "cpu": 'model.to("cpu")',
    "cuda": 'model.to("cuda")',
    "eval": "model(x, training=False)",
    "evaluate": 'ff.Trainer(model, optimizer="adam", loss="mse").evaluate(x, y)',
    "fit": 'ff.Trainer(model, optimizer="adam", loss="mse").fit(x, y)',
    "fit_generator": 'ff.Trainer(model, optimizer="adam", loss="mse").fit(batches)',
    "get_layer": "model.layers[0]",
    "load_state_dict": "model.set_weights(weights)",
    "load_weights": "model.set_weights(ff.load_model(path).get_weights())",
    "optimizer": "trainer.optimizer",
    "parameters": "model.trainable_variables",
    "predict_classes": "model.predict(x).argmax(axis=1)",
    "predict_on_batch": "model.predict(x)",
    "predict_proba": "ff.activations.softmax(model.predict(x))",
    "save_weights": "model.save(path)",
    "state_dict": "model.get_weights()",
    "to_json": "model.get_config()",
    "train": "model(x, training=True)",
    "train_on_batch": 'ff.Trainer(model, optimizer="adam", loss="mse").fit(x, y, epochs=1)',
}
TRAINER = {
    "compile": 'ff.Trainer(model, optimizer="adam", loss="mse", metrics=["mae"])',
    "load_weights": "ff.Trainer.load(path)",
    "partial_fit": "trainer.fit(x, y, epochs=1)",
    "predict": "trainer.model.predict(x)",
    "score": 'trainer.evaluate(x, y)["accuracy"], with metrics=["accuracy"]',
    "summary": "trainer.model.summary()",
    "train_on_batch": "trainer.fit(x, y, batch_size=len(x), epochs=1)",
}
TENSOR = {
    "backward": "tape.gradient(loss, variables), with a ff.GradientTape round what makes the loss",
    "cpu": ".numpy()",
    "detach": "ff.ops.stop_gradient(x)",
    "grad": "tape.gradient(loss, variables), with a ff.GradientTape round what makes the loss",
    "requires_grad": "Variable.trainable, or tape.watch(tensor)",
    "to": "ff.ops.cast(x, dtype)",
    "view": "ff.ops.reshape(x, shape)",
}


def missing(what: str, name: str, instead: dict[str, str], known: Any = ()) -> AttributeError:
    """The error for `name`: what to write instead, or the nearest known names."""
    if name in instead:
        return AttributeError(f"{what} has no {name!r}; write {instead[name]}")
    tail = ""
    if not name.startswith("_"):
        import difflib  # only where something went wrong

        spelled = {k.lower(): k for k in known if not k.startswith("_")}
        near = difflib.get_close_matches(name.lower(), spelled, 3, 0.7)
        tail = f"; the nearest: {', '.join(spelled[k] for k in near)}" if near else ""
    return AttributeError(f"{what} has no {name!r}{tail}")


def _teach_module(module: ModuleType, instead: dict[str, str]) -> None:
    def look(name: str) -> Any:
        own = [
            k for k, v in vars(module).items() if getattr(v, "__module__", "") == module.__name__
        ]
        known = vars(module).get("__all__", own)
        raise missing(f"module {module.__name__!r}", name, instead, known)

    vars(module)["__getattr__"] = look


def _teach_class(kind: type, instead: dict[str, str]) -> None:
    def look(self: Any, name: str) -> Any:
        known = () if name.startswith("_") else dir(kind)
        raise missing(f"a {kind.__name__}", name, instead, known)

    setattr(kind, "__getattr__", look)  # noqa: B010  (a class of C++, mypy knows no such method)


def teach() -> None:
    """Give the package's modules, Tensor and Variable errors that say what to write."""
    from feedfwd import _core

    for name, instead in _NAMES.items():
        full = "feedfwd" + f".{name}" * bool(name)
        _teach_module(sys.modules[full], instead)
    for kind in (_core.Tensor, _core.Variable):
        _teach_class(kind, TENSOR)
