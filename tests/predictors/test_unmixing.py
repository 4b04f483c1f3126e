"""Fractions of endmembers in composites, against a general optimiser of SciPy, pixel by pixel."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import yaml
from scipy.optimize import minimize

from smgee.datasets import HLS
from smgee.errors import InputError
from smgee.predictors import Site, When
from smgee.predictors.composite import Composite
from smgee.predictors.unmixing import Unmixing
from smgee.study import Study
from tests.predictors.conftest import study_of
from tests.predictors.scenes import GRID, pixels

# Invented, of the usual shapes.
SPECTRA = {
    "green": {"blue": 0.03, "green": 0.06, "red": 0.04, "nir": 0.46, "swir1": 0.20, "swir2": 0.09},
    "dry": {"blue": 0.09, "green": 0.14, "red": 0.20, "nir": 0.33, "swir1": 0.42, "swir2": 0.30},
    "bare_soil": {"blue": 0.10, "green": 0.15, "red": 0.21, "nir": 0.27, "swir1": 0.36, "swir2": 0.33},
}
WHEN = When(date(2021, 7, 5), date(2021, 7, 13), date(2021, 7, 5))


def left_over(reflectance: np.ndarray, spectra: np.ndarray, fractions: np.ndarray) -> float:
    return float(np.sqrt(np.mean((reflectance - fractions @ spectra) ** 2)))


def best(reflectance: np.ndarray, spectra: np.ndarray, *, total: bool, positive: bool) -> np.ndarray:
    """Return allowed fractions that leave little over, by sequential quadratic programming."""
    k = len(spectra)
    return minimize(
        lambda f: np.sum((reflectance - f @ spectra) ** 2),
        np.full(k, 1 / k),
        jac=lambda f: -2 * spectra @ (reflectance - f @ spectra),
        bounds=[(0, None)] * k if positive else None,
        constraints=[{"type": "eq", "fun": lambda f: f.sum() - 1, "jac": lambda f: np.ones(k)}] * total,
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    ).x


@pytest.mark.parametrize(("total", "positive"), [(True, True), (True, False), (False, True), (False, False)])
def test_fractions_leave_least_over(scenes, total, positive):
    family = Unmixing(endmembers=SPECTRA, sum_to_one=total, non_negative=positive, rmse=True)
    names = [p.name for p in family.predictors()]
    shade = ["f_shade"] if total else []
    assert names == ["f_green", "f_dry", "f_bare_soil", *shade, "unmixing_rmse"]
    site = Site.of(GRID)
    seen = pixels(family.reflectance(site, WHEN))
    found = pixels(family.image(site, WHEN, names))
    spectra = np.array([list(s.values()) for s in SPECTRA.values()] + [[0.0] * 6] * total)
    fractions = np.stack([found[n] for n in names[:-1]], axis=-1)
    bands = np.stack([seen[r] for r in SPECTRA["green"]], axis=-1)
    clear = np.isfinite(bands).all(axis=-1)
    assert np.array_equal(clear, np.isfinite(fractions).all(axis=-1))
    assert clear.sum() > 50
    for pixel, values in zip(fractions[clear], bands[clear], strict=True):
        expected = best(values, spectra, total=total, positive=positive)
        assert left_over(values, spectra, pixel) == pytest.approx(
            left_over(values, spectra, expected), abs=2e-5
        )
    left = bands - fractions @ spectra
    np.testing.assert_allclose(found["unmixing_rmse"], np.sqrt((left**2).mean(axis=-1)), rtol=1e-4)
    if total:
        np.testing.assert_allclose(fractions[clear].sum(axis=-1), 1, atol=1e-6)
    assert (fractions[clear].min() >= 0) == positive


def test_a_mixture_is_taken_apart(scenes):
    """Scenes made of known shares give those shares back."""
    random = np.random.default_rng(4)
    shares = random.dirichlet([1, 1, 1, 1], GRID.shape)
    kept = dict(scenes.arrays)
    for (image, band), values in kept.items():
        role = next(
            (r for s in ("L30", "S30") for r, b in HLS[s].roles.items() if f"HLS{s}" in image and b == band),
            None,
        )
        if role in SPECTRA["green"]:
            mixed = sum(shares[..., i] * s[role] for i, s in enumerate(SPECTRA.values()))
            scenes.arrays[image, band] = mixed.astype("f4").reshape(values.shape)
    try:
        family = Unmixing(endmembers=SPECTRA)
        found = pixels(family.image(Site.of(GRID), WHEN, ["f_shade", "f_green", "f_dry"]))
    finally:
        scenes.arrays.update(kept)
    assert list(found) == ["f_shade", "f_green", "f_dry"]
    for name, i in (("f_green", 0), ("f_dry", 1), ("f_shade", 3)):
        seen = np.isfinite(found[name])
        assert seen.sum() > 50
        # reflectance is in steps of 5e-5
        np.testing.assert_allclose(found[name][seen], shares[..., i][seen], rtol=0, atol=1e-3)


def test_a_file_is_read_with_the_study(tmp_path):
    lines = ["endmember,red,nir,swir1", "green,0.04,0.46,0.2", "soil,0.2,0.3,0.4"]
    (tmp_path / "members.csv").write_text("\n".join(lines), encoding="utf-8")
    content = study_of({"kind": "calendar", "allow_alias": True}).model_dump(mode="json")
    content["predictors"] = [{"kind": "unmixing", "endmembers": "members.csv", "shade": False}]
    (tmp_path / "study.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    study = Study.from_yaml(tmp_path / "study.yml")
    (family,) = study.predictors
    assert family.endmembers == {
        "green": {"red": 0.04, "nir": 0.46, "swir1": 0.2},
        "soil": {"red": 0.2, "nir": 0.3, "swir1": 0.4},
    }
    assert study.predictors.names == ("f_green", "f_soil")
    (tmp_path / "members.csv").unlink()  # the study holds what it read
    study.to_yaml(tmp_path / "again.yml")
    assert Study.from_yaml(tmp_path / "again.yml").predictors == study.predictors


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,red\ngreen,0.1", r"has the columns name, red; it needs endmember and some of blue"),
        ("endmember,red,ndvi\ngreen,0.1,1", "has the columns endmember, red, ndvi"),
        ("endmember,red\ngreen,much", "red of green in .* is 'much', which is no number"),
        ("endmember,red\ngreen,0.1\ngreen,0.2", "the endmember green twice"),
        ("", "has the columns of none"),
    ],
)
def test_files_that_say_something_else_are_refused(tmp_path, text, said):
    (tmp_path / "m.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        study_of({"kind": "unmixing", "endmembers": str(tmp_path / "m.csv")})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "endmembers is missing"),
        ({"endmembers": {}}, "endmembers is empty"),
        ({"endmembers": "absent.csv"}, "absent.csv cannot be read"),
        ({"endmembers": {"green": {"red": 4, "nir": 45}}}, "give unit reflectance, 0 to 1"),
        ({"endmembers": {"green": {"red": 0.1, "infrared": 0.4}}}, "bands of green .*infrared.* not known"),
        ({"endmembers": {"a b": {"red": 0.1}}}, "'a b' cannot name a column"),
        ({"endmembers": {"a": {"red": 0.1}, "b": {"nir": 0.1}}}, "different bands .a: red; b: nir"),
        (
            {"endmembers": {n: {r: s[r] for r in ("red", "nir")} for n, s in SPECTRA.items()}},
            "4 endmembers green, dry, bare_soil, shade cannot be told apart in the bands red, nir",
        ),
    ],
)
def test_what_cannot_be_unmixed_is_refused(options, said):
    with pytest.raises(InputError, match=said):
        study_of({"kind": "unmixing", **options})


def test_it_shares_the_composite():
    family = Unmixing(endmembers=SPECTRA, composite=Composite(window_days=5))
    assert family.bands_of("NASA/HLS/HLSL30/v002") == ("B2", "B3", "B4", "B5", "B6", "B7", "Fmask")
    study = study_of({"kind": "reflectance"}, {"kind": "unmixing", "endmembers": SPECTRA})
    (piece,) = study.predictor_set.pieces([date(2021, 7, 5)])
    assert len(piece.names) == 10
