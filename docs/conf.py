"""Sphinx: `make docs`."""

import feedfwd

project = "feedfwd"
author = "The feedfwd authors"
copyright = "2026, the feedfwd authors"
release = feedfwd.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3
html_theme = "furo"
autodoc_typehints = "none"  # the docstrings tell kinds and defaults in words
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = True
