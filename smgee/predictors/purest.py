"""Endmembers found among the spectra of a scene: the corners of the simplex that holds most of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from smgee.errors import InputError

STARTS = 20
ROUNDS = 50
NEIGHBOURS = 5


def purest(
    spectra: npt.ArrayLike, count: int, *, shade: bool = True, seed: int = 0, neighbours: int = NEIGHBOURS
) -> np.ndarray:
    """Return the purest spectra by N-FINDR (Winter 1999, Proc. SPIE 3753:266).

    In as many principal components as the simplex has dimensions, corners are exchanged for other spectra as
    long as its volume grows, from several random starts; the largest simplex counts. Each corner is then the
    mean of the spectra nearest to it, so that no single noisy pixel decides.

    Parameters
    ----------
    spectra : (n, band) array_like
        Unit reflectance; rows with gaps are left out.
    count : int
        Endmembers to find.
    shade : bool
        Whether shade, which reflects nothing, is a further corner that is known.
    seed : int
        Of the random starts.
    neighbours : int
        Spectra averaged at each corner, itself included.

    Returns
    -------
    (count, band) float64
        In the order they were found in.

    Raises
    ------
    InputError
        For too few spectra, or too few bands for so many corners.
    """
    x = np.asarray(spectra, "f8")
    x = x[np.isfinite(x).all(axis=1)]
    dimensions = count if shade else count - 1
    if not 1 <= dimensions <= x.shape[1]:
        raise InputError(
            f"{count} endmembers{' and shade' if shade else ''} cannot be told apart in {x.shape[1]} bands; "
            "ask for fewer."
        )
    if len(x) < max(10 * count, neighbours):
        raise InputError(
            f"{len(x)} clear spectra are too few to find {count} endmembers among; sample more pixels, or "
            "days with clear scenes."
        )
    center = np.zeros(x.shape[1]) if shade else x.mean(axis=0)
    axes = np.linalg.svd(x - center, full_matrices=False)[2][:dimensions]
    reduced = (x - center) @ axes.T
    rng = np.random.default_rng(seed)
    best, largest = None, -1.0
    for _ in range(STARTS):
        corners, volume = _grow(reduced, rng.choice(len(x), count, replace=False), shade)
        if volume > largest:
            best, largest = corners, volume
    assert best is not None
    away = ((x[None] - x[best][:, None]) ** 2).sum(axis=-1)
    near = np.argsort(away, axis=1, kind="stable")[:, :neighbours]
    return x[near].mean(axis=1)


def _grow(reduced: np.ndarray, corners: np.ndarray, shade: bool) -> tuple[np.ndarray, float]:
    """Exchange corners as long as the simplex grows; return their rows and its volume (unscaled)."""
    candidates = reduced if shade else np.column_stack([np.ones(len(reduced)), reduced])
    corners = corners.copy()
    volume = abs(np.linalg.det(candidates[corners]))
    for _ in range(ROUNDS):
        before = volume
        for k in range(len(corners)):
            # The determinant is linear in each row: its cofactors give the volume with any other spectrum.
            others = np.delete(candidates[corners], k, axis=0)
            cofactors = [
                (-1.0) ** (k + j) * np.linalg.det(np.delete(others, j, axis=1)) for j in range(len(corners))
            ]
            volumes = np.abs(candidates @ np.array(cofactors))
            best = int(np.argmax(volumes))
            if volumes[best] > volume * (1 + 1e-12):
                corners[k], volume = best, float(volumes[best])
        if volume <= before * (1 + 1e-9):
            break
    return corners, float(volume)


def name_members(spectra: np.ndarray, roles: Sequence[str]) -> dict[str, dict[str, float]]:
    """Name spectra by what they look like.

    ``green`` is that of the highest NDVI; ``dry`` vegetation, of the others, that which lignin and cellulose
    darken most at 2.2 µm, by (swir1 − swir2) / (swir1 + swir2); the next is ``bare_soil``; further ones are
    numbered. Whether they are what they are called is for the user to judge.

    Parameters
    ----------
    spectra : (member, band) array
        Unit reflectance.
    roles : sequence of str
        The bands; red, nir, swir1 and swir2 among them.
    """
    band = {role: spectra[:, k] for k, role in enumerate(roles)}
    ndvi = (band["nir"] - band["red"]) / (band["nir"] + band["red"])
    tillage = (band["swir1"] - band["swir2"]) / (band["swir1"] + band["swir2"])
    left = list(range(len(spectra)))
    order = [left.pop(int(np.argmax(ndvi)))]
    if len(left) > 1:
        order.append(left.pop(int(np.argmax(tillage[left]))))
    order += left
    names = ("green", "bare_soil") if len(spectra) == 2 else ("green", "dry", "bare_soil")
    return {
        (names[k] if k < len(names) else f"member_{k + 1}"): {
            role: round(float(spectra[row, j]), 6) for j, role in enumerate(roles)
        }
        for k, row in enumerate(order)
    }
