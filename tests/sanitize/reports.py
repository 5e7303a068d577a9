"""Read what the sanitizers wrote."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Iterable

# Written where a test asks for more than there is; the allocation fails, as it should.
REFUSED = "WARNING: AddressSanitizer failed to allocate"
HERE = pathlib.Path(__file__).resolve().parent
# Leaks come several in one report; every other report begins with a line of its own.
BEGIN = re.compile(
    r"^(?=(?:Direct|Indirect) leak of |==\d+==ERROR: |==+\d*=*\s*WARNING: "
    r"|WARNING: ThreadSanitizer|==\d+==\w+Sanitizer|FATAL: |.*: runtime error: )",
    re.MULTILINE,
)


@dataclasses.dataclass
class Found:
    """Reports with a frame of ours, and how many there were without."""

    ours: list[str]
    others: int
    suppressed: int

    def summary(self, name: str) -> str:
        lines = [*self.ours]
        lines.append(
            f"{name}: {len(self.ours)} reports; {self.suppressed} suppressed by "
            f"{count_suppressions()} suppressions in tests/sanitize/*.supp; {self.others} leaks or "
            "races of the interpreter and other libraries, without a frame of _core"
        )
        return "\n".join(lines)


def count_suppressions() -> int:
    """Lines of the files of suppressions that suppress something."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(HERE.glob("*.supp"))]
    lines = [line for text in texts for line in text.splitlines()]
    return sum(1 for line in lines if line.strip() and not line.startswith("#"))


def read(paths: Iterable[pathlib.Path], only_core: bool) -> Found:
    """Sort the reports; with only_core, leaks and races in which the module has no part apart."""
    found = Found([], 0, 0)
    for path in paths:
        text = path.read_text(encoding="utf-8", errors="replace")
        found.suppressed += suppressed(text)
        for report in BEGIN.split(text):
            if not BEGIN.match(report) or REFUSED in report.split("\n")[0]:
                continue
            if "LeakSanitizer: detected memory leaks" in report:  # the leaks follow, one by one
                continue
            partly = " leak of " in report or "ThreadSanitizer: " in report
            if only_core and partly and "_core" not in report:
                found.others += 1
            else:
                found.ours.append(report.strip())
    return found


def suppressed(text: str) -> int:
    """How many reports the sanitizer itself left out, from the tables it prints at exit."""
    table = re.search(r"Suppressions used:\n.*\n((?:\s+\d+\s.*\n)+)", text)
    matched = sum(int(line.split()[0]) for line in table[1].splitlines()) if table else 0
    race = re.findall(r"^\s*(\d+) \S+:.*$", text.partition("Matched")[2], re.MULTILINE)
    return matched + sum(map(int, race))
