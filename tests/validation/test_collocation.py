"""Collocation of SMAP with references and other products: known errors are found, shared ones are heeded."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smgee.grid import EaseCell
from smgee.validation.collocation import CAUTION_9KM, collocation_sentences, collocation_table
from tests.validation.tables import CHILDREN, PARENT

DAYS = pd.date_range("2020-04-01", periods=500)


def signal(seed: int) -> np.ndarray:
    """Return soil moisture with some memory about a season."""
    rng = np.random.default_rng(seed)
    fast = np.zeros(len(DAYS))
    for i in range(1, len(DAYS)):
        fast[i] = 0.7 * fast[i - 1] + rng.normal(0, 0.02)
    return 0.25 + 0.03 * np.sin(np.arange(len(DAYS)) / 58) + fast


def table(values: np.ndarray, cell: EaseCell, **columns: object) -> pd.DataFrame:
    found = pd.DataFrame({"date": DAYS, "orbit": "AM", "cell": cell.name, "soil_moisture": values})
    return found.assign(**columns)


def tables(
    errors: dict[str, float], *, shared: float = 0.0, cells: tuple[EaseCell, ...] = (PARENT,)
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame], pd.DataFrame]:
    """Return SMAP, references and others with errors of these sizes; `shared` is of SMAP and level 4 both."""
    smap, references, others = [], {"insitu_mean": [], "upscaled": []}, []
    for k, cell in enumerate(cells):
        rng, true = np.random.default_rng(100 + k), signal(k)

        def seen(name: str, rng: np.random.Generator = rng, true: np.ndarray = true) -> np.ndarray:
            return true + rng.normal(0, errors[name], len(DAYS))

        both = rng.normal(0, shared, len(DAYS)) if shared else 0.0
        smap.append(table(seen("SMAP") + both - 0.02, cell, flag=0))
        for name in references:
            references[name].append(table(seen("land"), cell))
        for name, extra in (("era5_land", 0.0), ("smap_l4", both)):
            others.append(table(0.1 + 1.5 * (seen(name) + extra), cell, product=name, collection="x"))
    return (
        pd.concat(smap),
        {name: pd.concat(parts) for name, parts in references.items()},
        pd.concat(others, ignore_index=True),
    )


ERRORS = {"SMAP": 0.02, "land": 0.01, "era5_land": 0.03, "smap_l4": 0.015}


def test_known_errors_are_found_within_their_intervals():
    found = collocation_table(*tables(ERRORS), of_smap=["smap_l4"])
    values = found[found["quantity"] == "values"].set_index(["sets", "data_set"])
    three = "SMAP + insitu_mean + era5_land"
    for name, size in (("SMAP", 0.02), ("insitu_mean", 0.01), ("era5_land", 0.045)):
        row = values.loc[(three, name)]
        assert row["error"] == pytest.approx(size, rel=0.3)
        assert 0.95 * row["error_low"] <= size <= 1.05 * row["error_high"]  # of these days it may be another
        assert row["r_low"] <= row["r"] <= row["r_high"]
        assert row["negative"] < 0.05
    assert values.loc[(three, "era5_land"), "scaled_error"] == pytest.approx(0.03, rel=0.2)
    assert values.loc[(three, "era5_land"), "beta"] == pytest.approx(1 / 1.5, rel=0.1)


def test_a_product_that_smap_is_in_never_stands_alone_beside_it():
    found = collocation_table(*tables(ERRORS, shared=0.02), of_smap=["smap_l4"])
    assert set(found["sets"]) == {
        f"SMAP + {land} + {more}"
        for land in ("insitu_mean", "upscaled")
        for more in ("era5_land", "era5_land + smap_l4")
    }
    values = found[found["quantity"] == "values"].set_index(["sets", "data_set"])
    row = values.loc[("SMAP + upscaled + era5_land + smap_l4", "SMAP")]
    size = float(np.hypot(0.02, 0.02))
    assert row["error_low"] <= size <= row["error_high"]
    assert row["goes_with"] == "smap_l4"
    true = 0.02**2 / (size * np.hypot(0.015, 0.02))
    assert row["error_r_low"] <= true <= row["error_r_high"]
    assert row["error_r_low"] > 0
    # taken for independent, the shared error would pass for signal
    blind = collocation_table(*tables(ERRORS, shared=0.02), of_smap=[])
    wrong = blind[(blind["sets"] == "SMAP + upscaled + smap_l4") & (blind["data_set"] == "SMAP")]
    assert wrong.iloc[0]["error_high"] < size


def test_without_a_source_of_its_own_there_is_no_collocation():
    smap, references, others = tables(ERRORS)
    only = others[others["product"] == "smap_l4"]
    assert collocation_table(smap, references, only, of_smap=["smap_l4"]).empty
    assert collocation_table(smap, {}, others).empty


def test_a_product_that_the_map_is_made_of_stands_beside_stations_alone():
    """The map learned from the same weather, so their errors go together and would pass for signal."""
    found = collocation_table(*tables(ERRORS), of_smap=["smap_l4"], of_maps=["era5_land"])
    assert {s for s in found["sets"] if "era5_land" in s} == {
        "SMAP + insitu_mean + era5_land",
        "SMAP + insitu_mean + era5_land + smap_l4",
    }
    assert not found["sets"].str.contains("upscaled").any()


def test_what_a_wider_signal_does_to_a_small_cell():
    """All members see the land around and none the cell: collocation tells their error against what they
    share, which is smaller than against the cell."""
    rng = np.random.default_rng(3)
    around, own = signal(1), rng.normal(0, 0.03, len(DAYS))
    cell, seen = (
        CHILDREN[3],
        {n: around + rng.normal(0, 0.02, len(DAYS)) for n in ("SMAP", "map", "era5_land")},
    )
    found = collocation_table(
        table(seen["SMAP"], cell, flag=0),
        {"upscaled": table(seen["map"], cell)},
        table(seen["era5_land"], cell, product="era5_land", collection="x"),
    )
    row = found[(found["data_set"] == "SMAP") & (found["quantity"] == "values")].iloc[0]
    assert row["error_low"] <= 0.02 <= row["error_high"]
    assert row["error_high"] < np.std(seen["SMAP"] - (around + own))
    assert row["caution"] == CAUTION_9KM


def test_a_negative_variance_is_said_and_not_given():
    smap, references, others = tables(ERRORS | {"land": 0.001})
    rng = np.random.default_rng(5)
    few = smap.iloc[rng.choice(len(smap), 14, replace=False)]
    noise = others.assign(soil_moisture=rng.uniform(0.1, 0.4, len(others)))
    found = collocation_table(few, references, noise)
    bad = found[found["error"].isna() & (found["quantity"] == "values")]
    assert len(bad)
    assert bad["reason"].str.contains("negative").all()
    assert (bad["negative"] > 0).all()
    said = collocation_sentences(found)
    assert any("collocation fails" in text or "SMAP's own error" in text for text in said)


def test_small_cells_are_judged_by_maps_and_anomalies_stand_beside_values():
    cells = (PARENT, CHILDREN[3])
    found = collocation_table(*tables(ERRORS, cells=cells), of_smap=["smap_l4"])
    small = found[found["grid"] == "M09"]
    assert set(small["cell"]) == {CHILDREN[3].name}
    assert all("upscaled" in sets for sets in small["sets"])
    assert set(found["quantity"]) == {"values", "anomalies"}
    assert (small["caution"] == CAUTION_9KM).all()
    assert (found.loc[found["grid"] == "M36", "caution"] == "").all()
    together = collocation_sentences(found)[-1]
    assert "not of the cell, and those of neighbours are one figure" in together
    assert "not as many tests" in together
    (said,) = [text for text in collocation_sentences(found) if text.startswith("AM")]
    assert "by plain mean of the stations and ERA5-Land" in said
    assert "[" in said
