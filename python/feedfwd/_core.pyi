"""Types of the compiled core. Private: the public names are in the package's modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

__version__: str
numerics_version: int

# What an op takes: Tensor, Variable, NumPy array or scalar, Python scalar (weak), nested list.
Operand = Any
Array = NDArray[Any]
Shape = tuple[int | None, ...]
_Method = TypeVar("_Method", bound=Callable[..., Any])

class _Arithmetic:
    """What Tensor and Variable share (both are registered in C++; this base exists for typing
    only).
    """

    @property
    def shape(self) -> Shape: ...  # None stands for the batch
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def ndim(self) -> int: ...
    @property
    def size(self) -> int: ...
    def numpy(self) -> Array: ...  # a copy
    def item(self) -> Any: ...
    def tolist(self) -> Any: ...
    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array: ...
    def __float__(self) -> float: ...
    def __int__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def __index__(self) -> int: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Tensor]: ...
    def __getitem__(self, key: Any) -> Tensor: ...  # ints, slices, None, Ellipsis
    def __neg__(self) -> Tensor: ...
    def __abs__(self) -> Tensor: ...
    def __add__(self, other: Operand) -> Tensor: ...
    def __radd__(self, other: Operand) -> Tensor: ...
    def __sub__(self, other: Operand) -> Tensor: ...
    def __rsub__(self, other: Operand) -> Tensor: ...
    def __mul__(self, other: Operand) -> Tensor: ...
    def __rmul__(self, other: Operand) -> Tensor: ...
    def __truediv__(self, other: Operand) -> Tensor: ...
    def __rtruediv__(self, other: Operand) -> Tensor: ...
    def __floordiv__(self, other: Operand) -> Tensor: ...
    def __rfloordiv__(self, other: Operand) -> Tensor: ...
    def __mod__(self, other: Operand) -> Tensor: ...
    def __rmod__(self, other: Operand) -> Tensor: ...
    def __pow__(self, other: Operand) -> Tensor: ...
    def __rpow__(self, other: Operand) -> Tensor: ...
    def __matmul__(self, other: Operand) -> Tensor: ...
    def __rmatmul__(self, other: Operand) -> Tensor: ...
    def __lt__(self, other: Operand) -> Tensor: ...
    def __le__(self, other: Operand) -> Tensor: ...
    def __gt__(self, other: Operand) -> Tensor: ...
    def __ge__(self, other: Operand) -> Tensor: ...
    def __eq__(self, other: object) -> Tensor: ...  # type: ignore[override]
    def __ne__(self, other: object) -> Tensor: ...  # type: ignore[override]
    def __and__(self, other: Operand) -> Tensor: ...
    def __or__(self, other: Operand) -> Tensor: ...
    def __invert__(self) -> Tensor: ...
    def __hash__(self) -> int: ...  # identity

class Tensor(_Arithmetic):
    # "concrete" holds values; "traced" belongs to the active Trace; "functional" comes from
    # placeholder()
    @property
    def kind(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def __cuda_array_interface__(self) -> dict[str, Any]: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...
    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: Any = None,
        dl_device: Any = None,
        copy: bool | None = None,
    ) -> Any: ...

class Variable(_Arithmetic):
    """Variable(initial_value, trainable=True, dtype=None, name=None); a Python float or list of
    them is float32.
    """

    name: str
    trainable: bool
    def __init__(
        self,
        initial_value: Operand,
        trainable: bool = True,
        dtype: Any = None,
        name: str | None = None,
    ) -> None: ...
    @staticmethod
    def pending(
        shape: Sequence[int],
        dtype: str,
        trainable: bool,
        name: str,
        make: Callable[[Variable], Array],
    ) -> Variable:
        """No values yet; make(variable) is called for them at the first read, trace or assign
        that needs them.
        """
    @property
    def is_pending(self) -> bool: ...
    def materialize(self) -> None: ...
    def retype(self, dtype: str, device: str) -> None:
        """Change dtype and device, casting values already there (pending ones just change)."""
    @property
    def device(self) -> str: ...
    def assign(
        self, value: Operand
    ) -> Variable: ...  # shape must match exactly; cast to the variable's dtype
    def assign_add(self, value: Operand) -> Variable: ...
    def assign_sub(self, value: Operand) -> Variable: ...

def read_all(variables: Sequence[Variable]) -> list[NDArray[Any]]: ...
def assign_all(variables: Sequence[Variable], values: Sequence[ArrayLike]) -> None: ...
def pack(variables: Sequence[Variable]) -> bool:
    """Move the variables (one device) into one arena; False where they lie in one already."""

# ---- ops: eager on concrete operands, recorded when the operands are symbolic; both kinds of use
# are one implementation.
# While a Trace is active an op that touches a Variable or a traced Tensor is traced.
def convert(x: Operand, dtype: str | None = None) -> Tensor: ...
def map(
    function: str, x: Operand, alpha: float = 0.0
) -> Tensor: ...  # names of FF_UNARY_FUNCTIONS; ints become float32 where needed
def functions() -> list[str]: ...
def binary(op: str, a: Operand, b: Operand) -> Tensor: ...  # add ... logical_or: names of op.h
def logical_not(x: Operand) -> Tensor: ...
def where(condition: Operand, a: Operand, b: Operand) -> Tensor: ...
def cast(x: Operand, dtype: Any) -> Tensor: ...
def matmul(
    a: Operand, b: Operand
) -> Tensor: ...  # NumPy's rules for 1-D; leading axes of a (rank > 2) with a 2-D b
def reduce(
    op: str, x: Operand, axis: int | Sequence[int] | None, keepdims: bool
) -> Tensor: ...  # "sum", "max", "min", "mean"
def argmax(x: Operand, axis: int | None) -> Tensor: ...  # int64
def softmax(x: Operand, axis: int) -> Tensor: ...
def log_softmax(x: Operand, axis: int) -> Tensor: ...
def xent(logits: Operand, target: Operand) -> Tensor:
    """Softmax cross-entropy from logits along the last axis, one value per row; integer labels
    (one rank less) or probabilities.
    """

def reshape(
    x: Operand, shape: Sequence[int | None]
) -> Tensor: ...  # one -1; None stands for the batch
def transpose(x: Operand, axes: Sequence[int] | None) -> Tensor: ...
def concatenate(xs: Sequence[Operand], axis: int) -> Tensor: ...
def broadcast_to(x: Operand, shape: Sequence[int | None]) -> Tensor: ...
def one_hot(x: Operand, num_classes: int, dtype: str) -> Tensor: ...
def stop_gradient(x: Operand) -> Tensor: ...
def dropout(x: Operand, counter: Variable, rate: float, seed: int, stream: int) -> Tensor:
    """Inverted dropout; reads the int64 scalar `counter` (the caller assigns counter + 1
    afterwards).
    """

def shape(x: Operand) -> tuple[Any, ...]: ...  # ints; a 0-d int64 traced Tensor for the batch

# ---- functional graphs (ff.Input, ff.Model(inputs, outputs))
def placeholder(
    shape: Shape, dtype: str, note: object = None
) -> Tensor: ...  # a functional Tensor; shape includes the leading None
def note(t: Tensor) -> Any: ...  # what the placeholder was given, else None
def producer(
    t: Tensor,
) -> (
    list[Tensor] | None
): ...  # operands of the op that made a functional Tensor; None for a placeholder
def op_spec(
    t: Tensor,
) -> dict[str, Any]: ...  # the op that made a functional Tensor: its name and attributes, plain
def apply_spec(spec: dict[str, Any], operands: Sequence[Tensor | Variable]) -> Tensor:
    """The op of a spec on operands; ValueError for a spec that is none, whatever it holds."""

class Tape:
    """Records eager ops on watched tensors and on trainable Variables while entered."""

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None: ...
    def __enter__(self) -> Tape: ...
    def __exit__(
        self, *exc: type[BaseException] | BaseException | TracebackType | None
    ) -> None: ...
    def watch(self, x: Tensor | Variable) -> None: ...
    def is_known(self, x: Tensor | Variable) -> bool: ...
    def watched_variables(self) -> list[Variable]: ...
    def gradient(
        self,
        targets: Sequence[Tensor | Variable],
        sources: Sequence[Tensor | Variable],
        seeds: Sequence[Operand | None] | None = None,
    ) -> list[Tensor | None]: ...
    def reset(self) -> None: ...

class Trace:
    """While entered, ops on its inputs and on Variables build a graph. One active per thread;
    they nest as a stack.
    """

    def __init__(self) -> None: ...
    def __enter__(self) -> Trace: ...
    def __exit__(
        self, *exc: type[BaseException] | BaseException | TracebackType | None
    ) -> None: ...
    def input(self, shape: Shape, dtype: str) -> Tensor: ...  # shape with the leading None
    def variables(self) -> list[Variable]: ...  # in order of first use
    def assigned(self) -> list[Variable]: ...
    def gradient(
        self, target: Tensor, sources: Sequence[Variable | Tensor], sharded: bool = False
    ) -> list[Tensor | None]:
        """d target / d sources, appended to the graph; `sharded` seeds with rows / batch rows
        (numerics, rule 10).
        """
    def __len__(self) -> int: ...  # nodes
    def flops(self, first_node: int = 0) -> int: ...  # of the nodes from there on, for one row
    def __str__(self) -> str: ...

class Optimizer:
    """The update of one kind (a name of FF_OPTIMIZERS), its step counter and its slots, one set
    per variable.
    """

    def __init__(
        self,
        kind: str,
        hyper: dict[str, float],
        clipnorm: float | None,
        clipvalue: float | None,
        global_clipnorm: float | None,
    ) -> None: ...
    iterations: int
    hyper: dict[str, float]  # may be replaced at any time; takes effect at the next step
    @staticmethod
    def kinds() -> dict[str, list[str]]: ...
    def apply(
        self,
        pairs: Sequence[tuple[Operand, Variable]],
        learning_rate: float,
        weight_decay: float,
        excluded: Sequence[Variable],
    ) -> None:
        """One eager step; raises iterations by one. `excluded` variables have no weight decay."""
    def slots(self, variable: Variable) -> list[Array]: ...
    def set_slots(self, variable: Variable, values: Sequence[Array]) -> None: ...
    def is_built(self, variable: Variable) -> bool: ...

class Cursor:
    """Where a pass over the data stands; counts a step in the call that makes it."""

    def __init__(self, steps: int = 0, rows: int = 0, total: float = 0.0) -> None: ...
    @property
    def steps(self) -> int: ...
    @property
    def rows(self) -> int: ...
    @property
    def total(self) -> float: ...  # sum of loss * rows
    @property
    def mean(self) -> float: ...  # loss of the rows so far
    def count(self, loss: float, size: int) -> None: ...

class Program:
    """A planned trace bound to a device."""

    def __init__(
        self,
        trace: Trace,
        outputs: Sequence[Tensor],
        *,
        input_dtypes: Sequence[str],  # of the data per trace.input, any NumPy number type's name
        capacity: int,
        device: str,
        loss: Tensor | None = None,
        optimizer: Optimizer | None = None,
        gradients: Sequence[tuple[Variable, Tensor]] = (),
        excluded: Sequence[Variable] = (),  # from weight decay
        weight_decay: float = 0.0,  # not 0: the plan has it; its value is run()'s
        write_back: bool = True,
        per_step: Sequence[Variable] = (),
        shards: int = 1,
        fuse: bool = True,
        order_seed: int = 0,
        guard: bool = False,
    ) -> None: ...
    @property
    def is_current(self) -> bool: ...  # the variables still lie where the plan was bound to
    def bind(self, arrays: Sequence[Array]) -> None:
        """C-contiguous arrays (rows, ...) of the declared dtypes; kept alive, not copied on the
        CPU.
        """
    def run(
        self,
        total_rows: int,
        batch_size: int,
        first_row: int,
        steps: int,
        order: NDArray[np.int64] | None = None,
        order_changed: bool = True,
        learning_rates: NDArray[np.float64] | float | None = None,  # per step, or one for all
        weight_decay: float = 0.0,
        cursor: Cursor | None = None,  # counts the steps before the first bad one
    ) -> tuple[NDArray[np.float64], int]:
        """(loss of each step, index of the first step whose loss was not finite or -1). Without
        the GIL. Raises optimizer.iterations by the good steps.
        """
    def predict(self, arrays: Sequence[Array]) -> list[Array] | None:
        """All rows, `capacity` at a time; one array per output, (rows, ...)."""
    def predict_there(self, inputs: Sequence[Tensor]) -> list[Tensor] | None: ...
    def outputs(self, rows: int) -> list[Array]: ...  # of the last step
    def __str__(self) -> str: ...  # the plan

def with_short_way(method: _Method) -> _Method:
    """The method ``predict(self, x, ...)`` of a Model, and in front of it a way without Python: for
    one array as ``self._quick = self._structure, program`` was made for.
    """

# ---- random numbers, scalar maths in the contract's float64, machine
def draw(
    kind: str, shape: Sequence[int], a: float, b: float, seed: int, step: int, stream: int
) -> NDArray[np.float64]:
    """kind uniform [a, b), normal (mean a, stddev b), truncated_normal; `stream` as stream_of()
    gives it.
    """

def stream_of(position: int, purpose: str) -> int: ...  # "weight", "dropout", "shuffle", "user"
def shuffled(n: int, seed: int, epoch: int) -> NDArray[np.int64]: ...
def entropy_seed() -> int: ...  # 63 bits from the system
def scalar(
    function: str, x: float, y: float = 0.0
) -> float: ...  # "exp", "log", "pow", "cos", "sqrt", in our own float64 formulas

class FloatState:
    """``with FloatState():`` round to nearest, denormals kept, whatever the caller has set."""

    def __enter__(self) -> None: ...
    def __exit__(self, *error: object) -> None: ...

def set_num_threads(n: int) -> None: ...
def get_num_threads() -> int: ...
def active_isa() -> str: ...
def available_isas() -> list[str]: ...
def fma_peak(threads: int, single: bool) -> float: ...
def copy_bandwidth(threads: int) -> float: ...
def devices() -> list[str]: ...
def to_device(tensor: Tensor, device: str) -> Tensor: ...  # itself, or a copy there
def from_device(x: Any, argument: str = "x") -> Tensor: ...  # another library's array on the GPU
def is_on_device(x: Any) -> bool: ...
def finish(device: str) -> None: ...  # waits for all that was asked for
def device_name(device: str) -> str: ...
def device_processors(device: str) -> int: ...
def device_seconds(device: str, work: Callable[[], Any]) -> float: ...  # by the device's clock
def device_roof(device: str) -> tuple[str, float, float]: ...  # name; operations, bytes per second
def check_device(device: str) -> str: ...  # "auto" resolved; ValueError saying why not

# ---- layers: `kind` is the class of all, `passed` the attributes that are passed by
def parts(layer: Any, kind: type[Any], passed: frozenset[str]) -> tuple[list[Any], list[Variable]]:
    """Layers one level down, each once, and variables."""

def tree(layer: Any, kind: type[Any], passed: frozenset[str]) -> list[tuple[Any, list[Variable]]]:
    """The layer and all below it, depth first, each once, with the variables they hold."""

def trained(layer: Any, kind: type[Any], passed: frozenset[str]) -> list[Variable] | None:
    """The trained variables of the tree; None where more than flags of variables decides."""

# ---- data
def is_plain(x: Any) -> bool: ...  # a native C-contiguous array of float32 or float64 with rows
def all_fit(x: Any, single: bool) -> bool: ...  # plain and all finite, as float32 where `single`
def fingerprint_if_fits(
    x: Any, single: bool
) -> int | None: ...  # fingerprint_all([x]) where all_fit(x)
def fingerprint(data: Array | bytes, seed: int = 0) -> int: ...  # 64-bit hash of contiguous bytes
def fingerprint_all(arrays: Sequence[Array], seed: int = 0) -> int: ...  # dtypes, shapes and bytes

# ---- files
def check_header_length(declared: int, file_size: int) -> int: ...
def parse_safetensors(
    header: bytes, file_size: int
) -> tuple[dict[str, str], list[tuple[str, str, tuple[int, ...], int, int]]]:
    """(metadata, (name, dtype, shape, begin, end) in the order of the data)."""
