"""What a server keeps of requests is bounded, however many there are."""

from __future__ import annotations

import gc
from pathlib import Path

import ee
import pytest
import requests

import smgee
from smgee.eelocal.assets import user
from smgee.eelocal.errors import NotFoundError
from smgee.eelocal.rest import links
from smgee.eelocal.tasks import operations
from smgee.eelocal.values.geometry import Feature


def test_links_are_kept_up_to_a_sum_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "_BYTES", 100)
    kept = links.Links()
    names = [kept.add("p", "maps", k, size=30) for k in range(3)]
    assert kept.get(names[0]) == 0  # now the one used last
    names.append(kept.add("p", "maps", 3, size=30))
    assert [kept.get(names[k]) for k in (0, 2, 3)] == [0, 2, 3]
    with pytest.raises(NotFoundError):
        kept.get(names[1])
    with pytest.raises(NotFoundError):
        kept.get(kept.add("p", "maps", 4, size=101))


def test_a_downloaded_table_is_not_held(tmp_path: Path) -> None:
    with smgee.connect(sources=[], store=tmp_path) as session:
        places = ee.FeatureCollection.randomPoints(ee.Geometry.Rectangle([0, 0, 1, 1]), 500)
        for _ in range(3):
            answer = requests.get(places.getDownloadURL("CSV"), timeout=60)
            assert answer.text.count("\n") == 501
        gc.collect()
        assert sum(isinstance(o, Feature) for o in gc.get_objects()) < 500
        assert session.service is not None


def test_of_ended_tasks_the_newest_stay_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "KEEP", 3)
    with smgee.connect(sources=[], store=tmp_path) as session:
        assert session.service is not None
        queue = session.service.operations
        names = []
        for k in range(6):
            task = queue.submit(session.project, "EXPORT_IMAGE", lambda progress: [], description=f"t{k}")
            names.append(queue.wait(task.name, 10).name)
        assert list(queue._all) == names[3:]
        assert [queue.get(name).state for name in names] == ["SUCCEEDED"] * 6
        assert [task.description for task in queue.list(session.project)] == [
            f"t{k}" for k in range(5, -1, -1)
        ]


def test_records_of_assets_are_kept_up_to_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user, "_REMEMBERED", 2)
    with smgee.connect(sources=[], store=tmp_path) as session:
        for k in range(4):
            ee.data.createAsset({"type": "FOLDER"}, f"{session.asset_root}/f{k}")
        assert session.service is not None
        store = session.service.store.user
        assert store is not None
        found = [store.record(f"{session.asset_root}/f{k}") for k in range(4)]
        assert [r and r.type for r in found] == ["FOLDER"] * 4
        assert len(store._cache) == 2
