"""SMAP files become assets that are read back to the bit, on the embedded Earth Engine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import ee
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner

import smgee
from smgee.errors import InputError, MissingDataError
from smgee.grid import EaseCell, ease_cell_at
from smgee.ingest import ingest_smap
from smgee.insitu import daily_means
from smgee.remote import bucket_uploader
from smgee.study import Study
from smgee.validation import count_retrievals, fetch_smap, gather, read_smap, validate
from smgee.validation.layers import read_layers
from smgee.validation.sources import Collection
from smgee_cli.app import app
from tests.validation.level3 import level3_day

CELL = ease_cell_at(99.8, 37.5)
FIRST = date(2021, 6, 1)


def theta(cell: EaseCell, orbit: str) -> float:
    return 0.1 + 0.002 * (cell.row % 40) + 0.001 * (cell.col % 40) + (0.05 if orbit == "PM" else 0.0)


def flags(cell: EaseCell, orbit: str) -> int:
    """Return recommended, not recommended but successful, failed, or without frozen ground known."""
    return (0, 1, 5, 8)[(cell.row + cell.col) % 4]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    folder = tmp_path_factory.mktemp("nsidc")
    large = [EaseCell("M36", CELL.row + r, CELL.col + c) for r in (-1, 0, 1) for c in (-1, 0, 1)]
    days = [FIRST + timedelta(days=k) for k in range(2)]
    return {
        "M36": [level3_day(folder, d, large, theta) for d in days],
        "M09": [level3_day(folder, FIRST, CELL.children(), theta, flag=flags)],
    }


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[smgee.Session]:
    store, bucket = (tmp_path_factory.mktemp(n) for n in ("store", "bucket"))
    with smgee.connect(store=store, sources=[], buckets={"b": bucket}) as found:
        found.upload = bucket_uploader("b", folder=bucket)  # type: ignore[attr-defined]
        yield found


@pytest.fixture(scope="module")
def ingested(session, files) -> dict[str, str]:
    found = {}
    for grid, paths in files.items():
        found[grid] = f"{session.asset_root}/smap/{grid}"
        ingest_smap(paths, found[grid], upload=session.upload, cells=[CELL])
    return found


def study(ingested: dict[str, str], **smap: object) -> Study:
    own = {"collection_36km": ingested["M36"], "collection_9km": ingested["M09"]}
    return Study(
        name="s",
        start=FIRST,
        end=FIRST + timedelta(days=2),
        area={"lon": 99.8, "lat": 37.5, "scale_m": 500},
        smap=own | smap,
    )


def test_what_is_read_back_is_what_the_files_say(ingested, files):
    table = fetch_smap(study(ingested))
    said = pd.concat([read_smap(f, cells=[CELL, *CELL.children()]) for f in (*files["M36"], *files["M09"])])
    key = ["date", "orbit", "cell"]
    both = table.merge(said, on=key, suffixes=("", "_file"), validate="1:1")
    assert len(both) == len(table) == len(said) == 2 * 2 + 16 * 2
    np.testing.assert_allclose(both["soil_moisture"], both["soil_moisture_file"], rtol=1e-7)
    for name in ("flag", "retrieval_qual_flag", "time"):
        assert (both[name] == both[f"{name}_file"]).all(), name
    assert set(table["surface_flag"]) == {512}
    assert set(table["version"]) == {"009"}


def test_policies_on_the_product_s_own_bits(ingested):
    counts = count_retrievals(fetch_smap(study(ingested))).query("grid == 'M09' and orbit == 'AM'")
    kept = counts.set_index("rule")["kept"]
    assert kept[["recommended", "successful", "all"]].tolist() == [8, 12, 16]
    assert kept["surface: mountains"] == 0
    assert (counts["note"] == "").all()


def test_another_algorithm_is_read_where_the_study_asks_for_it(ingested):
    plain, dual = (fetch_smap(study(ingested, algorithm=a)) for a in ("baseline", "dca"))
    np.testing.assert_allclose(dual["soil_moisture"] - plain["soil_moisture"], 0.03, atol=1e-6)


def test_an_ingestion_goes_on_where_it_stopped(session, files, ingested):
    again = ingest_smap(files["M36"], ingested["M36"], upload=session.upload, cells=[CELL])
    assert [f.done for f in again] == [False, False]
    wider = ingest_smap(
        files["M36"][:1],
        ingested["M36"],
        upload=session.upload,
        cells=[CELL, EaseCell("M36", CELL.row, CELL.col + 1)],
    )
    assert [f.done for f in wider] == [True]  # another window of the same day
    image = ee.Image(wider[0].asset)
    info = image.getInfo()
    assert info["properties"]["composite_release"] == "R19240"
    assert info["properties"]["source_file"] == files["M36"][0].name
    assert {b["id"] for b in info["bands"]} >= {"soil_moisture_option3_pm", "tb_time_seconds_am"}


def test_both_products_from_files_are_judged_by_every_reference(session, tmp_path):
    """Files → collections → the product's own times → references at the overpass → a table."""
    days = [FIRST + timedelta(days=k) for k in range(6)]
    level = {d: 0.15 + 0.02 * (k % 5) for k, d in enumerate(days)}
    folder = tmp_path / "many"
    folder.mkdir()
    collections = {}
    for grid, cells in (("M36", [CELL]), ("M09", CELL.children())):
        paths = [
            level3_day(folder, d, cells, lambda cell, orbit, d=d: level[d], algorithms=[""]) for d in days
        ]
        collections[grid] = f"{session.asset_root}/many{grid}"
        ingest_smap(paths, collections[grid], upload=session.upload, cells=[CELL])
    table = fetch_smap(study(collections).model_copy(update={"end": days[-1] + timedelta(days=1)}))
    assert table["time"].notna().all()
    hours = pd.date_range(days[0], periods=24 * 8, freq="h")
    values = np.array([level.get(t.date(), 0.2) for t in hours])
    places = [c.center for c in CELL.children()[::5]]
    records = xr.Dataset(
        {"soil_moisture": (("time", "station"), np.repeat(values[:, None], 4, axis=1))},
        coords={
            "time": hours,
            "station": list("abcd"),
            "lon": ("station", [p[0] for p in places]),
            "lat": ("station", [p[1] for p in places]),
        },
    )
    some = [CELL, CELL.children()[0]]
    table = table[table["cell"].isin([c.name for c in some])]
    judges = gather(table, some, daily=daily_means(records), records=records)
    assert "the product's own time" in judges.note
    found = validate(table, references=judges.tables, common=True, resamples=100)
    assert set(found["grid"]) == {"M36", "M09"}
    assert set(found["reference"]) == set(judges.tables)
    pm = found[(found["cell"] == CELL.name) & (found["orbit"] == "PM")].set_index("reference")
    assert pm.loc["insitu_mean", "n"] == 6  # 11:27 UTC: within the same UTC day
    assert pm.loc["insitu_mean", "r"] == pytest.approx(1.0)
    assert pm.loc["insitu_mean", "bias"] == pytest.approx(0.0, abs=1e-6)


def test_what_does_not_fit_is_refused_in_words(session, files, ingested, tmp_path):
    with pytest.raises(InputError, match="collection of its own"):
        ingest_smap(
            [*files["M36"][:1], *files["M09"]],
            f"{session.asset_root}/mixed",
            upload=session.upload,
            cells=[CELL],
        )
    with pytest.raises(MissingDataError, match="no retrieval in the window"):
        read_layers(files["M36"][0], cells=[EaseCell("M36", 10, 10)])
    few = level3_day(tmp_path, FIRST, [CELL], theta, algorithms=[""])
    ingest_smap([few], f"{session.asset_root}/few", upload=session.upload, cells=[CELL])
    source = Collection(f"{session.asset_root}/few", "M36", algorithm="option1")
    with pytest.raises(MissingDataError, match="soil_moisture_option1_am"):
        source.read([CELL], FIRST, FIRST + timedelta(days=1))
    with pytest.raises(InputError, match="no image collection"):
        ingest_smap([few], f"{session.asset_root}/smap", upload=session.upload, cells=[CELL])


@pytest.mark.realdata
def test_a_half_orbit_is_not_a_day(real_data):
    with pytest.raises(InputError, match="half orbit"):
        read_layers(next((real_data / "smap_l2").glob("*.h5")))


def test_the_command(files, tmp_path, monkeypatch):
    monkeypatch.setenv("SMGEE_STORE", str(tmp_path / "store"))
    content = Study.demo().model_dump(mode="json")
    Study.parse(content).to_yaml(tmp_path / "study.yml")
    words = ["smap", "ingest", *map(str, files["M36"]), "--study", str(tmp_path / "study.yml")]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "2 of 2 days ingested into projects/smgee-embedded/assets/SPL3SMP" in " ".join(
        result.output.split()
    )
    assert "collection_36km: projects/smgee-embedded/assets/SPL3SMP" in " ".join(result.output.split())
    real = CliRunner().invoke(app, ["smap", "ingest", str(files["M36"][0]), "--backend", "earthengine"])
    assert isinstance(real.exception, InputError)
    assert "--bucket" in str(real.exception)
