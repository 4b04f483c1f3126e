"""Stations: their places, their records, and the files as the ISMN reader takes them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smgee.errors import InputError
from smgee.grid import transformer
from smgee.twin import NOTICE
from smgee.twin.stations import NETWORK, station_records


@pytest.fixture(scope="module")
def archive(basin, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ismn")
    basin.write_stations(folder)
    return folder


def test_places_lie_in_their_pixels(basin):
    table = basin.stations
    assert len(table) == 30
    assert table.index.is_unique
    assert not table.duplicated(["row", "col"]).any()
    x, y = transformer("EPSG:4326", basin.grid.crs).transform(table.lon.to_numpy(), table.lat.to_numpy())
    col, row = (x - basin.grid.transform[2]) / 30, (basin.grid.transform[5] - y) / 30
    np.testing.assert_array_equal(np.floor(row), table.row)
    np.testing.assert_array_equal(np.floor(col), table.col)
    at = table.row.to_numpy(), table.col.to_numpy()
    assert (basin.cell_index[at] != 255).all()
    assert basin.land()[at].all()
    np.testing.assert_allclose(table.elevation, basin.elevation()[at], atol=0.06)
    assert set(table.group) >= {"cluster1", "cluster2", "north-low", "south-high", "flat-middle"}


def test_records_follow_the_truth_of_their_pixel(basin):
    days = pd.date_range("2021-06-05", "2021-09-25", freq="4D")
    truth = {d: basin.truth(d.date()) for d in days}
    errors = []
    for name in basin.stations.index[::4]:
        place, record = basin.stations.loc[name], station_records(basin, name)
        good = record.soil_moisture.where(record.moisture_flag == "G")
        daily = good.resample("D").mean()[good.resample("D").count() >= 18].reindex(days).to_numpy()
        expected = np.array([truth[d][place.row, place.col] for d in days])
        seen = ~np.isnan(daily)
        if seen.sum() < 10:
            continue
        errors.append(np.nanmean(daily - expected))
        # After the probe's own offset and slope little but noise is left.
        fit = np.polyfit(expected[seen], daily[seen], 1)
        assert np.std(daily[seen] - np.polyval(fit, expected[seen])) < 0.012
    assert len(errors) >= 4
    assert np.std(errors) < 0.06


def test_records_have_gaps_flags_and_frost(basin):
    table = pd.concat([station_records(basin, n) for n in basin.stations.index[:8]])
    missing = table.soil_moisture.isna()
    assert 0.005 < missing.mean() < 0.5
    assert (table.moisture_flag[missing] == "M").all()
    assert (table.moisture_flag[~missing] != "M").all()
    flags = set(table.moisture_flag.str.split(",").explode())
    assert flags >= {"G", "M", "D01", "D06"}
    frozen = table.moisture_flag.str.contains("D01")
    assert (table.soil_temperature[frozen] <= 0.05).all()
    assert (
        table.soil_moisture[frozen].median() < 0.1 < table.soil_moisture[table.moisture_flag == "G"].median()
    )


def test_ismn_reads_the_files(archive, basin):
    from ismn.interface import ISMN_Interface

    interface = ISMN_Interface(archive, parallel=False)
    network = interface.collection.networks[NETWORK]
    assert sorted(network.stations) == sorted(basin.stations.index)
    ids = interface.get_dataset_ids("soil_moisture", 0.0, 0.05)
    assert len(ids) == 30 == len(interface.get_dataset_ids("soil_temperature", 0.0, 0.05))
    series, meta = interface.read(ids[0], return_meta=True)
    name = meta["station"].to_numpy()[0]
    record = station_records(basin, name)
    assert len(series) == 8760
    np.testing.assert_allclose(series.soil_moisture.replace(-9999, np.nan), record.soil_moisture, atol=1e-9)
    assert list(series.soil_moisture_flag) == list(record.moisture_flag)
    assert float(meta["longitude"].to_numpy()[0]) == basin.stations.lon[name]
    assert float(meta["saturation"]["val"]) == pytest.approx(basin.stations.porosity[name], abs=0.006)


def test_files_say_they_are_synthetic(archive):
    files = sorted(archive.rglob("*.stm"))
    assert len(files) == 60
    for path in files[:4]:
        head = path.read_text().splitlines()[0]
        assert head.split()[0] == NETWORK
        assert head.split()[-1].startswith("Synthetic")
    for path in archive.rglob("*_static_variables.csv"):
        assert NOTICE in path.read_text()
    assert NOTICE in (archive / NETWORK / "NOTICE.txt").read_text()


@pytest.mark.parametrize(
    ("scenario", "number"), [("random", 15), ("valley", 10), ("roadside", 5), ("clustered", 15)]
)
def test_other_networks(basin, scenario, number):
    table = basin.network(scenario)
    assert len(table) == number
    at = table.row.to_numpy(), table.col.to_numpy()
    assert (basin.cell_index[at] != 255).all()
    assert basin.land()[at].all()
    assert not table.duplicated(["row", "col"]).any()
    assert basin.station(table.index[0]).row == table.row.iloc[0]
    assert set(table.index).isdisjoint(basin.stations.index)


def test_networks_stand_where_their_names_say(basin):
    inside = basin.cell_index != 255
    z = basin.elevation()
    middle = np.median(z[inside])
    assert (basin.network("valley").elevation < middle + 1).all()
    tight = basin.network("clustered")
    spread = np.hypot(tight.row - tight.row.mean(), tight.col - tight.col.mean()) * 0.03
    assert spread.max() < 2.5
    slope = np.hypot(basin.static["layers"][..., 11], basin.static["layers"][..., 12])
    road = basin.network("roadside")
    assert slope[road.row, road.col].mean() < slope[inside].mean()
    with pytest.raises(InputError, match="stratified, random"):
        basin.network("everywhere")


def test_a_probe_keeps_its_error_through_the_years(basin, tmp_path):
    other = basin.of_year(2020)
    assert other.of_year(2021) is basin
    assert other.static is basin.static
    pd.testing.assert_frame_equal(other.stations, basin.stations)
    root = basin.write_stations(tmp_path, "roadside", years=[2020, 2021])
    path = next((root / "D01").glob("*_sm_*.stm"))
    assert "20200101_20211231" in path.name
    assert len(path.read_text().splitlines()) == 1 + 24 * (366 + 365)
    errors = []
    for b in (other, basin):
        place = b.station("D02")
        record = station_records(b, "D02")
        good = record.soil_moisture.where(record.moisture_flag == "G").resample("D").mean()
        days = pd.date_range(f"{b.year}-06-05", f"{b.year}-09-20", freq="6D")
        true = np.array([b.truth(d.date())[place.row, place.col] for d in days])
        errors.append(np.nanmean(good.reindex(days).to_numpy() - true))
    assert errors[0] == pytest.approx(errors[1], abs=0.012)
