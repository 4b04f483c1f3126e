"""Formulas of spectral indices, and their values on arrays of this machine.

Most are those of Awesome Spectral Indices (Montero et al. 2023, Sci. Data 10:197), through spyndex; some that
the catalogue lacks are added here.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from smgee.datasets import ROLES
from smgee.errors import InputError
from smgee.late import xr
from smgee.predictors.edges import Edges

# Where the catalogue's common default is not the index's published constant: Huete 1988 (Remote Sens.
# Environ. 25:295) takes L = 0.5 for SAVI.
_CONSTANTS = {"SAVI": {"L": 0.5}}

OPTRAM = "OPTRAM"
_STR = "((1 - S2) ** 2 / (2 * S2))"
_DRY, _WET = (f"({side}_intercept + {side}_slope * ((N - R) / (N + R)))" for side in ("dry", "wet"))
_OWN = {
    # Zhang, Hong, Qin & Liu 2013, Int. J. Remote Sens. 34:4585; the short-wave band at 2.2 µm.
    "VSDI": ("1 - ((S2 - B) + (R - B))", "Visible and Shortwave Infrared Drought Index"),
    # Sadeghi, Jones & Philpot 2015, Remote Sens. Environ. 164:66.
    "STR": (_STR, "Shortwave Infrared Transformed Reflectance"),
    # Sadeghi, Babaeian, Tuller & Jones 2017, Remote Sens. Environ. 198:52.
    OPTRAM: (
        f"({_STR} - {_DRY}) / ({_WET} - {_DRY})",
        "Optical Trapezoid Model, wetness between fitted edges",
    ),
}


@dataclass(frozen=True)
class Formula:
    """An index.

    Parameters
    ----------
    text : str
        In the band symbols of `smgee.datasets.ROLES` and names of constants: + - * / ** and brackets.
    constants : mapping of str to float
        Values of the constants in it.
    roles : tuple of str
        The bands that it reads.
    long_name : str
        In words.
    """

    text: str
    constants: Mapping[str, float]
    roles: tuple[str, ...]
    long_name: str

    def of(self, bands: Mapping[str, Any]) -> Any:
        """Return the index of arrays by role, of NumPy or xarray: as Earth Engine computes it, for which
        anything divided by zero is zero.
        """
        values = {ROLES[role]: bands[role] for role in self.roles}
        return _value(self._tree, {**values, **self.constants})

    @cached_property
    def _tree(self) -> ast.expr:
        return ast.parse(self.text, mode="eval").body

    def in_single(self, bands: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the index of float32 arrays by role as float32, in the digits of `add_indices`: computed in
        double precision, and kept in single; NaN where a band is.
        """
        known = {role: np.asarray(bands[role], "f4") for role in self.roles}
        shape = np.broadcast_shapes(*(v.shape for v in known.values()))
        found = np.empty(shape, "f4")
        for part in _rows_at_once(shape):
            some = {role: v[part] for role, v in known.items()}
            missing = np.logical_or.reduce([np.isnan(v) for v in some.values()])
            values = {ROLES[role]: v.astype("f8") for role, v in some.items()}
            with np.errstate(all="ignore"):
                found[part] = _value(self._tree, {**values, **self.constants})
            found[part][missing] = np.nan
        return found


_PART = 1 << 15  # pixels whose intermediate values stay in the processor's cache


def _rows_at_once(shape: tuple[int, ...]) -> list[slice]:
    """Return slices of the first axis, of some ten thousand elements each."""
    rows = max(1, _PART // max(1, math.prod(shape[1:])))
    return [slice(k, k + rows) for k in range(0, shape[0], rows)]


def find_formula(name: str, edges: Edges | None = None) -> Formula:
    """Look an index up.

    Parameters
    ----------
    name : str
        Short name in Awesome Spectral Indices, e.g. ``"NDMI"``; or VSDI, STR, OPTRAM.
    edges : Edges, optional
        Of OPTRAM.

    Raises
    ------
    InputError
        For an index that is not known, that needs a band which HLS L30 and S30 do not share, or OPTRAM
        without edges.
    """
    import spyndex

    symbols = {symbol: role for role, symbol in ROLES.items()}
    if name in _OWN:
        text, words = _OWN[name]
        if name == OPTRAM and edges is None:
            raise InputError(
                "OPTRAM needs the edges of its trapezoid; sample STR and NDVI first, and give what "
                "smgee.predictors.fit_edges finds in the samples as edges of the indices."
            )
        constants = {} if edges is None or name != OPTRAM else edges.constants()
        found = {n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)}
        return Formula(_floating(text), constants, tuple(r for s, r in symbols.items() if s in found), words)
    if name not in spyndex.indices:
        raise InputError(
            f"The index {name!r} is not in Awesome Spectral Indices, nor {', '.join(_OWN)}; give one of its "
            "short names, such as NDVI or NDMI."
        )
    index = spyndex.indices[name]
    constants = {}
    roles = []
    for part in index.bands:
        if part in symbols:
            roles.append(symbols[part])
            continue
        constant = spyndex.constants.get(part)
        value = _CONSTANTS.get(name, {}).get(part, constant.default if constant is not None else None)
        if value is None:
            raise InputError(
                f"The index {name} needs {part}, which HLS L30 and S30 do not share; choose an index of "
                f"{', '.join(symbols)}."
            )
        constants[part] = float(value)
    return Formula(_floating(index.formula), constants, tuple(roles), index.long_name)


def indices_of(bands: xr.Dataset, names: Sequence[str], *, edges: Edges | None = None) -> xr.Dataset:
    """Return indices of reflectance that is on this machine, equal to those of Earth Engine.

    Parameters
    ----------
    bands : xarray.Dataset
        Unit reflectance, variables named by role (``red``, ``nir``, …), of any dimensions.
    names : sequence of str
        See `find_formula`.
    edges : Edges, optional
        Of OPTRAM.

    Returns
    -------
    xarray.Dataset
        One float variable per index, with ``units`` and ``long_name``; NaN where a band is.

    Raises
    ------
    InputError
        For an index that cannot be had of these bands.
    """
    found = {}
    for name in names:
        formula = find_formula(name, edges)
        lacking = [r for r in formula.roles if r not in bands]
        if lacking:
            raise InputError(
                f"The index {name} needs {', '.join(lacking)}, which the data set does not have; its "
                f"variables are {', '.join(map(str, bands.data_vars))}."
            )
        # Computed in double precision, and kept in single, as `add_indices` asks it of the service.
        value = formula.of({r: bands[r].astype("f8") for r in formula.roles}).astype("f4")
        found[name] = value.assign_attrs({"units": "1", "long_name": formula.long_name})
    return bands[[]].assign(found)


def _floating(text: str) -> str:
    """Return a formula without integers, which Earth Engine would divide as such: 1/3 is 0 there."""
    return re.sub(r"(?<![\w.])(\d+)(?![\w.])", r"\1.0", text)


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    """Return the value of a part of a formula."""
    if isinstance(node, ast.Constant):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.Name):
        return known[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, known)
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, known), _value(node.right, known)
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Sub):
            return left - right
        if isinstance(node.op, ast.Mult):
            return left * right
        if isinstance(node.op, ast.Pow):
            return left**right
        if isinstance(node.op, ast.Div):
            return _quotient(left, right)
    raise InputError(f"The formula part {ast.unparse(node)!r} is none of + - * / ** of bands and numbers.")


def _quotient(left: Any, right: Any) -> Any:
    """Return left / right, zero where right is; not-a-number stays what it is."""
    zero = right == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        if isinstance(zero, np.ndarray) and not zero.any():
            return left / right
        return (left / (right + zero)) * (1 - zero)
