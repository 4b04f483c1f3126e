"""Band names that Earth Engine's tree text can carry.

Names outside ``[A-Za-z_][A-Za-z0-9_]*`` are known to break the parser of `ee.Classifier.decisionTreeEnsemble`
(periods among them), so others are mapped; `TreeEnsemble.ee_names` records the mapping and
`TreeEnsemble.classify` applies it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

LEGAL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def is_legal(name: str) -> bool:
    """Whether a name can stand in tree text as it is; ``root`` is the parser's own word."""
    return LEGAL.fullmatch(name) is not None and name != "root"


def legal_names(names: Sequence[str]) -> tuple[str, ...]:
    """Map predictor names to distinct legal band names, keeping those that are legal already.

    Every other character becomes an underscore, a leading digit gets one in front, and a name that is taken
    then gets a number.
    """
    taken = {n for n in names if is_legal(n)}
    result = []
    for name in names:
        if not is_legal(name):
            stem = re.sub(r"[^A-Za-z0-9_]", "_", name) or "_"
            stem = stem if is_legal(stem) else f"_{stem}"
            name, count = stem, 2
            while name in taken:
                name, count = f"{stem}_{count}", count + 1
            taken.add(name)
        result.append(name)
    return tuple(result)
