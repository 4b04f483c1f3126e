"""How Sphinx builds these pages; `make docs` runs it."""

from __future__ import annotations

import re
from importlib.metadata import version as installed
from typing import Any

project = "smgee"
author = copyright = "The smgee developers"
release = version = installed("smgee")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "paper.md"]
html_theme = "furo"
html_title = f"smgee {release}"
html_extra_path = ["study.schema.json"]

myst_enable_extensions = ["attrs_inline", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 4
copybutton_exclude = ".linenos, .gp, .go"

# Names in docstrings stand in single backticks, most of them of this project or of Python.
default_role = "py:obj"
autodoc_default_options = {"members": True, "imported-members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the sections Parameters and Returns say them, with units and shapes
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

# Names such as `days` are those of parameters as often as of the one thing they are found to name.
suppress_warnings = ["ref.python"]

linkcheck_timeout = 20
linkcheck_ignore = [r"http://127\.0\.0\.1.*"]


def _absolute_values(app: Any, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    """Keep ``|bias|`` in docstrings what it says; for reStructuredText it would be a substitution."""
    lines[:] = [re.sub(r"(?<![`\\w])\|(\w+)\|(?![`\\w])", r"\\|\1\\|", line) for line in lines]


def setup(app: Any) -> None:
    """Connect what changes docstrings."""
    app.connect("autodoc-process-docstring", _absolute_values)
