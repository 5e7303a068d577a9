"""One table of names per kind of object, filled where the objects are defined."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def snake_case(name: str) -> str:
    """``"MeanSquaredError"`` -> ``"mean_squared_error"``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


class Registry:
    """Names of one kind, for example of losses, and what they stand for."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._known: dict[str, Any] = {}

    def register(self, *names: str) -> Callable[[T], T]:
        """A decorator that enters a class or function under its own name and `names`."""

        def enter(thing: T) -> T:
            own = getattr(thing, "__name__", "")
            for name in (own, snake_case(own), *names):
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
        """
        if name in self._known:
            return self._known[name]
        lower = [n for n in self._known if n == n.lower()]
        near = difflib.get_close_matches(name.lower(), lower, 3) or sorted(lower)
        raise ValueError(f"{self.kind}: got {name!r}, expected for example {', '.join(near)}")

    def make(self, identifier: Any) -> Any:
        """An object from a name, a class, or a config ``{"class_name": ..., "config": ...}``."""
        if isinstance(identifier, str):
            identifier = self.find(identifier)
        if isinstance(identifier, dict):
            if set(identifier) != {"class_name", "config"}:
                raise ValueError(
                    f"{self.kind}: got a dict with {sorted(identifier)}, expected "
                    "'class_name' and 'config'"
                )
            return self.find(identifier["class_name"]).from_config(identifier["config"])
        return identifier() if isinstance(identifier, type) else identifier
