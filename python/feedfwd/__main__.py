"""``python -m feedfwd``: the command line."""

from feedfwd.cli import main

raise SystemExit(main())
