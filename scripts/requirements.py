"""Prints the requirements that pyproject.toml states for the build or for an extra, one a line.

Usage: python scripts/requirements.py build | NAME_OF_AN_EXTRA
"""

from __future__ import annotations

import pathlib
import sys

try:
    import tomllib
except ImportError:  # Python 3.10: pip carries the same parser
    from pip._vendor import tomli as tomllib

table = tomllib.loads(pathlib.Path("pyproject.toml").read_text(encoding="utf-8"))
if sys.argv[1] == "build":
    print(*table["build-system"]["requires"], "cmake>=3.20", "ninja>=1.10", sep="\n")
else:
    print(*table["project"]["optional-dependencies"][sys.argv[1]], sep="\n")
