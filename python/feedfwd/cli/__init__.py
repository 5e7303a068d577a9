"""The command line: ``feedfwd train``, ``predict``, ``evaluate``, ``bench``, ``info``, ``summary``.

Exit codes: 0 done, 1 it could not be done (one sentence on standard error says why), 2 the command
was not understood, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

_MISTAKES = (ValueError, TypeError, OSError, ImportError, ArithmeticError, MemoryError)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    from feedfwd.cli.arguments import parse

    options = parse(argv)
    try:
        code = int(options.run(options) or 0)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("feedfwd: stopped", file=sys.stderr)
        return 130
    except _MISTAKES as error:
        print(f"feedfwd: error: {_sentence(error)}", file=sys.stderr)
        return 1


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f"{error.filename}: "
        return f"{where}{error.strerror}"
    if isinstance(error, MemoryError):
        return "out of memory"
    return " ".join(str(error).split())
