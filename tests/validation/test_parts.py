"""SMAP in parts, other products beside it, and the map at stations that it has not seen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smgee.metrics import score, seasonal_cycle
from smgee.validation import compare_products, map_accuracy, validate, validate_parts
from smgee.validation.parts import ANOMALIES, CYCLE
from tests.validation.tables import CHILDREN, PARENT, smap_table, stations, truth, zonal_table


def two_years(cell=PARENT) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return SMAP every second day of two seasons, worse and drier in the second, and maps without error."""
    days = pd.date_range("2020-04-10", "2020-10-20").append(pd.date_range("2021-04-10", "2021-10-20"))
    rng = np.random.default_rng(3)
    true = 0.25 + 0.05 * np.sin(np.arange(len(days)) / 9)
    later = (days.year == 2021).astype(float)
    seen = true - 0.02 - 0.03 * later + rng.normal(0, 1, len(days)) * (0.005 + 0.015 * later)
    smap = pd.DataFrame({"date": days, "orbit": "AM", "cell": cell.name, "soil_moisture": seen, "flag": 0})
    maps = pd.DataFrame({"date": days, "cell": cell.name, "soil_moisture": true, "coverage": 1.0})
    return smap[::2], maps


def test_every_year_and_season_by_itself():
    smap, maps = two_years()
    found = validate_parts(smap, {"upscaled": maps}).set_index("part")
    assert list(found.index) == [
        *("2020", "2021", "March to May", "June to August", "September to November"),
        *(ANOMALIES, CYCLE),
    ]
    assert found.loc["2020", "bias"] == pytest.approx(-0.02, abs=0.003)
    assert found.loc["2021", "bias"] == pytest.approx(-0.05, abs=0.004)
    assert found.loc["2021", "ubrmse"] > 2 * found.loc["2020", "ubrmse"]
    assert found.loc["2020", "n"] + found.loc["2021", "n"] == len(smap)
    summer = smap["date"].dt.month.isin([6, 7, 8])
    true = maps.set_index("date")["soil_moisture"].reindex(smap["date"]).to_numpy()
    row = found.loc["June to August"]
    assert row["n"] == summer.sum()
    assert row["r"] == pytest.approx(score("r", smap["soil_moisture"][summer], true[summer.to_numpy()]))
    assert row["r_low"] < row["r"] < row["r_high"]


def test_anomalies_and_cycle_are_those_of_the_series():
    smap, maps = two_years()
    found = validate_parts(smap, {"upscaled": maps}).set_index("part")
    dates = smap["date"].to_numpy()
    true = maps.set_index("date")["soil_moisture"].reindex(smap["date"]).to_numpy()
    x, y = smap["soil_moisture"].to_numpy(), true
    slow_x, slow_y = seasonal_cycle(x, dates), seasonal_cycle(y, dates)
    assert found.loc[ANOMALIES, "r"] == pytest.approx(score("r", x - slow_x, y - slow_y))
    assert found.loc[CYCLE, "r"] == pytest.approx(score("r", slow_x, slow_y))
    assert np.isnan(found.loc[ANOMALIES, "kge"])
    assert np.isnan(found.loc[CYCLE, "r_low"])
    assert np.isfinite(found.loc[CYCLE, "kge"])


def test_the_whole_table_has_kge_and_the_parts_of_the_mse():
    cells = [PARENT, CHILDREN[0]]
    found = validate(smap_table(cells), zonal_table(cells))
    parts = found["mse_bias"] + found["mse_corr"] + found["mse_var"]
    np.testing.assert_allclose(parts, found["rmse"] ** 2, rtol=1e-9)
    assert found["kge"].between(-1, 1).all()


def test_products_are_judged_on_the_same_passes_by_the_same_references():
    cells = [PARENT, CHILDREN[0]]
    smap = smap_table(cells)
    other = pd.concat(
        [
            smap[["date", "orbit", "cell"]].assign(
                soil_moisture=smap["soil_moisture"] + 0.1, product="era5_land", collection="x"
            )
        ]
    ).iloc[10:]
    maps = zonal_table(cells)
    found = compare_products(smap, other, {"upscaled": maps, "insitu_mean": maps.drop(columns="coverage")})
    assert list(found["product"].unique()) == ["SMAP", "era5_land"]
    wide = found.pivot(index=["cell", "orbit", "reference"], columns="product", values=["n", "bias", "r"])
    assert (wide["n"]["SMAP"] == wide["n"]["era5_land"]).all()
    np.testing.assert_allclose(wide["bias"]["era5_land"] - wide["bias"]["SMAP"], 0.1, atol=1e-9)
    np.testing.assert_allclose(wide["r"]["era5_land"], wide["r"]["SMAP"], atol=1e-9)
    by_cell = found.groupby("cell")["reference"].unique()
    assert set(by_cell[PARENT.name]) == {"upscaled", "insitu_mean"}
    assert set(by_cell[CHILDREN[0].name]) == {"upscaled"}
    assert compare_products(smap, other.iloc[:0], {}).empty


def test_the_map_by_stations_that_it_has_not_seen():
    cells = [PARENT, CHILDREN[2]]
    daily = stations([CHILDREN[1], CHILDREN[2]], per_cell=2)
    rng = np.random.default_rng(0)
    rows = []
    for j, name in enumerate(daily["station"].values):
        observed = daily["soil_moisture"].values[:, j]
        for model, error in (("deployed", 0.01), ("network mean", 0.04)):
            level = error * rng.normal()
            predicted = observed + level + rng.normal(0, error, len(observed))
            rows.append(
                pd.DataFrame(
                    {
                        "model": model,
                        "station": name,
                        "fold": j % 2,
                        "time": daily["time"].values,
                        "predicted": predicted,
                        "observed": observed,
                    }
                )
            )
    places = pd.DataFrame({c: daily[c].values for c in ("station", "lon", "lat")})
    found = map_accuracy(pd.concat(rows), places, cells, model="deployed")
    whole = found[found["cell"] == PARENT.name].set_index(["estimate", "of"])
    assert set(whole["stations"]) == {4}
    assert whole.loc[("deployed", "stations"), "n"] == 4 * len(truth(PARENT))
    assert whole.loc[("deployed", "stations"), "rmse"] < whole.loc[("network mean", "stations"), "rmse"]
    together = whole.loc[("deployed", "stations left out together")]
    assert together["n"] == 2 * len(truth(PARENT))
    mean = (
        pd.concat(rows)
        .query("model == 'deployed'")
        .groupby(["fold", "time"])[["predicted", "observed"]]
        .mean()
    )
    assert together["rmse"] == pytest.approx(score("rmse", mean["predicted"], mean["observed"]))
    assert together["rmse"] < whole.loc[("deployed", "stations"), "rmse"]
    assert set(found.loc[found["cell"] == CHILDREN[2].name, "stations"]) == {2}
    alone = map_accuracy(pd.concat(rows).drop(columns="fold"), places, cells, model="deployed")
    assert set(alone["of"]) == {"stations"}
