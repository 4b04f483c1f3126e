"""`smgee stations`, called as the command line calls it."""

from __future__ import annotations

import shlex

import numpy as np
import pandas as pd
import pytest
import typer
import xarray as xr
import yaml
from typer.testing import CliRunner

from smgee.errors import InputError, MissingDataError
from smgee.study import Study
from smgee.workflow.folder import RunFolder
from smgee.workflow.run import execute
from smgee.workflow.steps.stations import STATIONS
from smgee_cli.stations import stations
from tests.insitu.stm import hourly, write_stm


@pytest.fixture
def run():
    app = typer.Typer()
    app.command()(stations)
    return lambda *args: CliRunner().invoke(app, [str(a) for a in args], catch_exceptions=False)


def test_ismn_archive_with_temperature(tmp_path, run):
    times = hourly("2021-04-01", 60)
    warm = np.where(times >= "2021-05-01", 6.0, -2.0)
    for name in ("A", "B"):
        write_stm(tmp_path / "in", name, times, np.full(len(times), 0.2))
        write_stm(tmp_path / "in", name, times, warm, variable="ts")
    result = run(tmp_path / "in", "--out", tmp_path / "run")
    assert result.exit_code == 0
    assert "2 stations" in result.output
    assert "2021-05-01" in result.output
    with xr.open_dataset(tmp_path / "run" / "stations.nc", engine="h5netcdf") as ds:
        assert ds.sizes == {"time": 60, "station": 2}
        assert float(ds["soil_temperature_min"].min()) == -2
    table = pd.read_csv(tmp_path / "run" / "unfrozen.csv")
    assert table.loc[0, "start"] == "2021-05-01"
    assert table.loc[0, "year"] == 2021
    assert list(pd.read_csv(tmp_path / "run" / "stations_summary.csv")["days"]) == [60, 60]


def test_without_temperature_no_period_is_made_up(tmp_path, run):
    write_stm(tmp_path / "in", "A", hourly(days=2), [0.2] * 48)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "unfrozen.csv").write_text("of another run")
    result = run(tmp_path / "in", "--out", tmp_path / "run")
    assert "unfrozen.csv was not written" in result.output
    assert not (tmp_path / "run" / "unfrozen.csv").exists()
    run(tmp_path / "in", "--out", tmp_path / "run", "--season", "05-01", "09-30")
    assert "calendar" in (tmp_path / "run" / "unfrozen.csv").read_text()


def test_table_options(tmp_path, run):
    pd.DataFrame({"t": hourly(days=2), "P1_sm": 25.0}).to_csv(tmp_path / "t.csv", index=False)
    args = [
        tmp_path / "t.csv",
        "--out",
        tmp_path / "run",
        "--time-column",
        "t",
        "--unit",
        "%",
        "--column",
        "P1=P1_sm",
        "--records",
    ]
    assert run(*args).exit_code == 0
    with xr.open_dataset(tmp_path / "run" / "stations_records.nc", engine="h5netcdf") as ds:
        assert list(ds.station.values) == ["P1"]
        assert (ds["soil_moisture"] == 0.25).all()
        assert np.isnan(ds.depth_from.values).all()


def test_errors_reach_the_caller_as_one_sentence(tmp_path, run):
    write_stm(tmp_path / "in", "A", hourly(days=1), [0.2] * 24, flags="Q9")
    with pytest.raises(InputError, match="Q9"):
        run(tmp_path / "in", "--out", tmp_path / "run")


def long_table(path, **columns):
    times = pd.date_range("2021-06-01", periods=48, freq="h")
    rows = pd.concat(
        pd.DataFrame({"time": times, "station": s, "sm": sm, "Lon": lon, "Latitude": lat, "elev": 3100.0})
        for s, sm, lon, lat in (("A", 0.2, 99.8, 37.5), ("B", 0.3, 99.9, 37.6))
    )
    for name, value in columns.items():
        rows[name] = value
    rows.to_csv(path, index=False)
    return path


LONG = ("--station-column", "station", "--moisture-column", "sm")


def test_long_table_keeps_its_own_coordinates(tmp_path, run):
    result = run(long_table(tmp_path / "l.csv"), *LONG, "--out", tmp_path / "run")
    assert result.exit_code == 0
    assert "no coordinates" not in result.output
    with xr.open_dataset(tmp_path / "run" / "stations.nc", engine="h5netcdf") as ds:
        assert ds.lon.values.tolist() == [99.8, 99.9]
        assert ds.lat.values.tolist() == [37.5, 37.6]
        assert ds.elevation.values.tolist() == [3100, 3100]


def test_long_table_without_coordinates_says_so(tmp_path, run):
    path = tmp_path / "l.csv"
    pd.read_csv(long_table(path)).drop(columns=["Lon", "Latitude"]).to_csv(path, index=False)
    result = run(path, *LONG, "--out", tmp_path / "run")
    assert result.exit_code == 0
    assert "2 of 2 stations have no coordinates" in result.output


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        ({"Lon": np.linspace(99, 100, 96)}, (), "more than one place"),
        ({"Lon": 37.5, "Latitude": 99.8}, (), "exchanged"),
        ({"Latitude": 95.0, "Lon": 400.0}, (), "within"),
        ({"Lon": "east"}, (), "not a number"),
        ({}, ("--lon-column", "Lon"), "both longitude and latitude"),
    ],
)
def test_coordinates_of_a_long_table_are_checked(tmp_path, run, columns, options, words):
    with pytest.raises(InputError, match=words):
        run(long_table(tmp_path / "l.csv", **columns), *LONG, *options, "--out", tmp_path / "run")


def done(folder):
    """Do the stations step of a run, and return what it recorded."""
    execute(folder, ["stations"])
    return folder.entry("stations")


def study_of(tmp_path, source, **table):
    stations = {"source": str(source), "format": "table", "season": ["05-01", "09-30"], "table": table}
    return folder_of(tmp_path, stations)


def folder_of(tmp_path, stations):
    tmp_path.mkdir(exist_ok=True)
    content = {
        "name": "x",
        "start": "2021-05-01",
        "end": "2021-07-01",
        "area": {"lon": 99.8, "lat": 37.5, "crs": "EPSG:32647"},
        "stations": stations,
    }
    (tmp_path / "study.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return RunFolder(tmp_path / "run", Study.from_yaml(tmp_path / "study.yml"))


def test_study_reads_a_long_table(tmp_path):
    folder = study_of(
        tmp_path, long_table(tmp_path / "l.csv"), station="station", soil_moisture="sm", network="N"
    )
    assert done(folder)["stations"] == 2
    ds = STATIONS.read(folder.path)
    assert ds.lon.values.tolist() == [99.8, 99.9]
    np.testing.assert_allclose(ds["soil_moisture"].values, [[0.2, 0.3]] * 2)


def test_study_reads_a_wide_table_with_places(tmp_path):
    times = pd.date_range("2021-06-01 08:00", periods=24, freq="h")
    pd.DataFrame({"when": times, "a": 20.0, "b": 30.0}).to_csv(tmp_path / "w.csv", index=False)
    layout = {"time": "when", "columns": {"A": "a", "B": "b"}, "unit": "%", "utc_offset_hours": 8}
    with pytest.raises(InputError, match=r"stations\.table\.places"):
        done(study_of(tmp_path, tmp_path / "w.csv", **layout))
    pd.DataFrame({"station": ["A", "B"], "lon": [99.8, 99.9], "lat": [37.5, 37.6]}).to_csv(
        tmp_path / "p.csv", index=False
    )
    folder = study_of(tmp_path / "second", tmp_path / "w.csv", places=str(tmp_path / "p.csv"), **layout)
    assert done(folder)["station_days"] == 2
    np.testing.assert_allclose(STATIONS.read(folder.path)["soil_moisture"].values, [[0.2, 0.3]])


def test_study_and_command_find_the_same_unfrozen_period(tmp_path, run):
    """Probes that measure half of the day, and a network whose only word about frost are flags."""
    times = pd.date_range("2021-04-01", "2021-06-30 23:00", freq="h")
    warm = np.where(times >= "2021-05-08", 6.0, -2.0)
    rows = pd.DataFrame({"time": times, "station": "A", "sm": 0.2, "t": warm, "lon": 99.8, "lat": 37.5})
    rows[rows.time.dt.hour < 12].to_csv(tmp_path / "half.csv", index=False)
    options = (*LONG, "--temperature-column", "t", "--min-hours", "12")
    run(tmp_path / "half.csv", *options, "--out", tmp_path / "one")
    layout = {"station": "station", "soil_moisture": "sm", "soil_temperature": "t"}
    stations = {"source": str(tmp_path / "half.csv"), "format": "table", "table": layout, "min_hours": 12}
    second = folder_of(tmp_path / "two", stations)
    assert done(second)["unfrozen_days"] == 54  # 8 May to 30 June
    want = pd.read_csv(tmp_path / "one" / "unfrozen.csv")
    assert want.loc[0, "start"] == "2021-05-08"
    pd.testing.assert_frame_equal(pd.read_csv(second / "unfrozen.csv")[want.columns], want)

    cold = np.where(times >= "2021-05-08", "G", "D03")
    write_stm(tmp_path / "ismn", "A", times, np.full(len(times), 0.2), flags=cold, lon=99.8, lat=37.5)
    run(tmp_path / "ismn", "--out", tmp_path / "three")
    fourth = folder_of(tmp_path / "four", {"source": str(tmp_path / "ismn")})
    done(fourth)
    want = pd.read_csv(tmp_path / "three" / "unfrozen.csv")
    assert "flags" in want.loc[0, "source"]
    pd.testing.assert_frame_equal(pd.read_csv(fourth / "unfrozen.csv")[want.columns], want)


def test_settings_of_the_rule_reach_it_from_study_and_command(tmp_path, run):
    times = pd.date_range("2021-04-01", "2021-06-30 23:00", freq="h")
    warm = np.where(times >= "2021-05-08", 6.0, 2.0) - np.where(times.hour == 5, 4.0, 0.0)
    rows = pd.DataFrame({"time": times, "station": "A", "sm": 0.2, "t": warm, "lon": 99.8, "lat": 37.5})
    rows.to_csv(tmp_path / "t.csv", index=False)
    options = (*LONG, "--temperature-column", "t", "--unfrozen")
    first = {}
    for statistic in ("min", "mean"):
        run(tmp_path / "t.csv", *options, f"statistic={statistic}", "--out", tmp_path / statistic)
        first[statistic] = pd.read_csv(tmp_path / statistic / "unfrozen.csv").loc[0, "start"]
        layout = {"station": "station", "soil_moisture": "sm", "soil_temperature": "t"}
        stations = {"source": str(tmp_path / "t.csv"), "format": "table", "table": layout}
        folder = folder_of(tmp_path / f"s{statistic}", stations | {"unfrozen": {"statistic": statistic}})
        done(folder)
        assert pd.read_csv(folder / "unfrozen.csv").loc[0, "start"] == first[statistic]
    assert first == {"min": "2021-05-08", "mean": "2021-04-01"}
    with pytest.raises(InputError, match="NAME=VALUE"):
        run(tmp_path / "t.csv", *options, "mean", "--out", tmp_path / "x")
    with pytest.raises(InputError, match="shares"):
        run(tmp_path / "t.csv", *options, "shares=1", "--out", tmp_path / "x")


def test_study_reads_the_former_spelling_of_the_season(tmp_path):
    old = study_of(tmp_path, "t.csv").study
    assert old.stations.unfrozen.season == ("05-01", "09-30")
    old.to_yaml(tmp_path / "again.yml")
    assert Study.from_yaml(tmp_path / "again.yml") == old


def test_kelvin_in_a_table_are_refused_or_converted(tmp_path, run):
    table = long_table(tmp_path / "l.csv", t=np.repeat([280.15, 270.15], 48))
    options = (*LONG, "--temperature-column", "t", "--out", tmp_path / "run")
    with pytest.raises(InputError, match=r"270\.15|280\.15.*kelvin"):
        run(table, *options)
    run(table, *options, "--temperature-unit", "K")
    with xr.open_dataset(tmp_path / "run" / "stations.nc", engine="h5netcdf") as ds:
        np.testing.assert_allclose(ds["soil_temperature"].values, [[7, -3]] * 2)


def test_a_table_that_needs_options_is_told_those_that_fit(tmp_path, run):
    """They can be typed as they are told, and read what is there."""
    times = hourly("2021-05-14", 2).strftime("%m/%d/%Y %H:%M")
    table = tmp_path / "my table.csv"
    pd.DataFrame({"Date": times, "A": 25.0, "B 1": 30.0, "note": "dry"}).to_csv(table, index=False)
    with pytest.raises(InputError, match="no column 'time'") as refused:
        run(table, "--out", tmp_path / "run")
    fitting = shlex.split(str(refused.value).split("The options for that: ")[1])
    run(table, "--out", tmp_path / "run", *fitting)
    with xr.open_dataset(tmp_path / "run" / "stations.nc", engine="h5netcdf") as ds:
        np.testing.assert_allclose(ds["soil_moisture"].values, [[0.25, 0.3]] * 2)
    with pytest.raises(InputError) as refused:
        run(table, "--out", tmp_path / "run", "--time-column", "when")
    assert "--detect" not in str(refused.value)
    result = run(table, "--out", tmp_path / "seen", "--detect", "--depth", "0", "0.05")
    with xr.open_dataset(tmp_path / "seen" / "stations.nc", engine="h5netcdf") as ds:
        np.testing.assert_allclose(ds["soil_moisture"].values, [[0.25, 0.3]] * 2)
    said = " ".join(result.output.split())
    assert "soil moisture in per cent" in said
    assert "give --utc-offset" in said
    assert "depth" not in said.split("my table.csv")[0]  # which was given


def test_many_columns_are_not_listed(tmp_path, run):
    table = tmp_path / "wide.csv"
    columns = {f"S{i}": 0.2 for i in range(20)}
    pd.DataFrame({"Date": hourly("2021-05-14", 2), **columns, "note": "dry"}).to_csv(table, index=False)
    with pytest.raises(InputError, match="--detect reads it as it seems to be laid out") as refused:
        run(table, "--out", tmp_path / "run")
    assert "--column" not in str(refused.value)
    run(table, "--out", tmp_path / "run", "--detect", "--column", "S3", "--column", "S4")
    with xr.open_dataset(tmp_path / "run" / "stations.nc", engine="h5netcdf") as ds:
        assert ds["station"].values.tolist() == ["S3", "S4"]


def test_study_refuses_a_layout_for_ismn():
    with pytest.raises(InputError, match="format is 'ismn'"):
        Study.parse(
            {
                "name": "x",
                "start": "2021-05-01",
                "end": "2021-07-01",
                "area": {"lon": 99.8, "lat": 37.5, "crs": "EPSG:32647"},
                "stations": {"source": "ismn", "table": {"unit": "%"}},
            }
        )


@pytest.mark.parametrize("options", [("--start", "2021-06-01"), ("--station", "A"), ("--column", "sm")])
def test_options_without_effect_on_a_table_are_refused(tmp_path, run, options):
    with pytest.raises(InputError, match=f"{options[0]} would have no effect"):
        run(long_table(tmp_path / "l.csv"), *LONG, *options, "--out", tmp_path / "run")


def test_ismn_refuses_table_options_and_flags_that_accept_nothing(tmp_path, run):
    times = hourly("2021-06-01", 5)
    write_stm(tmp_path / "in", "A", times, np.full(len(times), 0.2))
    with pytest.raises(InputError, match="--unit would have no effect"):
        run(tmp_path / "in", "--unit", "%", "--out", tmp_path / "run")
    with pytest.raises(MissingDataError, match="its records carry G"):
        run(tmp_path / "in", "--flags", "X", "--out", tmp_path / "run")
    assert not (tmp_path / "run" / "stations.nc").exists()


def test_fractions_called_per_cent_are_refused(tmp_path, run):
    with pytest.raises(InputError, match=r"0\.3 as received.*unit '%'"):
        run(long_table(tmp_path / "l.csv"), *LONG, "--unit", "%", "--out", tmp_path / "run")
