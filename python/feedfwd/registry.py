"""One table of names per kind of object, filled where the objects are defined."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from feedfwd.arguments import shown

T = TypeVar("T")
Self = TypeVar("Self", bound="Configured")


def snake_case(name: str) -> str:
    """The name as functions spell it.

    >>> snake_case("MeanSquaredError")
    'mean_squared_error'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """What to say of a name that is not known: the nearest ones that are."""
    lower = sorted(n for n in known if n == n.lower())
    near = difflib.get_close_matches(name.lower(), lower, 3) or lower
    return f"{kind}: got {name!r}, expected for example {', '.join(near)}"


class Configured:
    """What is known by the arguments it was made with, which are its public attributes."""

    def get_config(self) -> dict[str, Any]:
        """The arguments this was made with, as numbers, strings, lists and dicts.

        Raises:
            ValueError: an argument (a function, say) that is no such value.
        """
        from feedfwd.layers import configs

        kind = type(self).__name__
        return {k: configs.plain(v, f"{kind}: {k}") for k, v in self._arguments().items()}

    def _arguments(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if not k.startswith("_")}

    @classmethod
    def from_config(cls: type[Self], config: dict[str, Any]) -> Self:
        """A new object from what ``get_config`` gave.

        Raises:
            TypeError: an argument that the class does not have.
        """
        if not isinstance(config, dict):
            raise TypeError(f"config: got {shown(config)}, expected a dict")
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self._arguments().items())
        return f"{type(self).__name__}({arguments})"


class Registry:
    """Names of one kind, for example of losses, and what they stand for.

    >>> losses = Registry("loss")
    >>> @losses.register("h")
    ... def huber(): ...
    >>> losses.find("h") is huber, losses.names()
    (True, ['h', 'huber'])
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._known: dict[str, Any] = {}

    def register(self, *names: str) -> Callable[[T], T]:
        """A decorator that enters a class or function under its own name and `names`."""

        def enter(thing: T) -> T:
            own = getattr(thing, "__name__", "")
            for name in (own, snake_case(own), *names):
                if self._known.get(name, thing) is not thing:
                    raise ValueError(f"{self.kind}: {name!r} is taken by {self._known[name]!r}")
                self._known[name] = thing
            return thing

        return enter

    def names(self) -> list[str]:
        """All known names, sorted."""
        return sorted(self._known)

    def find(self, name: str) -> Any:
        """What `name` stands for.

        Raises:
            ValueError: an unknown name; it lists the nearest known ones.
            TypeError: no string.
        """
        if not isinstance(name, str):
            raise TypeError(f"{self.kind}: got {type(name).__name__}, expected a name")
        if name in self._known:
            return self._known[name]
        raise ValueError(unknown_name(self.kind, name, self._known))

    def make(self, identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """An object from a name, a class, or a config ``{"class_name": ..., "config": ...}``.

        Names are looked up in `custom_objects` first. Anything else comes back as it is.

        Raises:
            ValueError: an unknown name, a dict with other keys, a config that the class does not
                take.
            TypeError: `custom_objects` is no dict.
        """
        from feedfwd.layers import configs

        own = configs.check_custom_objects(custom_objects)
        if isinstance(identifier, str):
            identifier = own[identifier] if identifier in own else self.find(identifier)
        if isinstance(identifier, dict):
            if not {"class_name", "config"} <= set(identifier) <= {"class_name", "config", "kind"}:
                raise ValueError(
                    f"{self.kind}: got a dict with {sorted(map(str, identifier))}, expected "
                    "'class_name' and 'config'"
                )
            name = identifier["class_name"]
            known = isinstance(name, str) and name in own
            return configs.build(own[name] if known else self.find(name), identifier, own)
        return identifier() if isinstance(identifier, type) else identifier
