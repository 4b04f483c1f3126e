"""Ensembles on Earth Engine, by every transport, against the trees here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import ee
import numpy as np
import pytest
from hypothesis import given, settings

import smgee
from smgee.errors import InputError
from smgee.remote import bucket_uploader
from smgee.trees import TreeEnsemble
from smgee.trees.parity import check_parity, classify_rows
from smgee.trees.planted import planted_rows
from smgee.trees.transports import (
    RESERVE,
    STRING_LIMIT,
    inline_classifier,
    request_bytes,
    shards,
    table_classifier,
    to_classifier,
)
from tests.trees.families import BANDS, FAMILIES
from tests.trees.random_trees import ensembles, telling_rows

BUCKET = "smgee-tests"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """An embedded Earth Engine without data, with an asset store and a bucket of its own."""
    folder = tmp_path_factory.mktemp("earthengine")
    with smgee.connect(
        "embedded", sources=[], store=folder / "assets", buckets={BUCKET: folder / "bucket"}
    ) as opened:
        opened.folder = folder
        yield opened


def complete_rows(table: Any, ensemble: TreeEnsemble) -> np.ndarray:
    """Real rows without gaps, and rows planted on thresholds."""
    full = table[0][np.isfinite(table[0]).all(axis=1)]
    return np.concatenate(
        [full[:150].astype(ensemble.threshold_dtype), planted_rows(ensemble, full, limit=150)]
    )


# bytes and shards


def test_request_bytes_are_those_of_the_client(
    session: Any, trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The measure is the body that the official client posts."""
    classifier = inline_classifier(trained("xgboost")[2].to_ee_strings())
    bodies = []

    class Seen(Exception):
        """Not an error that the client would try again."""

    def request(uri: str, method: str = "GET", body: Any = None, **_: Any) -> Any:
        bodies.append(body)
        raise Seen

    with monkeypatch.context() as patch:
        patch.setattr(session._transport, "request", request)
        with pytest.raises(Seen):
            ee.data.computeValue(classifier)
    sent = bodies[-1] if isinstance(bodies[-1], bytes) else bodies[-1].encode()
    measured = request_bytes(classifier)
    assert json.loads(sent)["expression"]
    assert 0 <= len(sent) - measured < 500  # the client adds its workload tag


def test_inline_holds_the_text_once(session: Any, trained: Any) -> None:
    strings = trained("random-forest")[2].to_ee_strings()
    size = sum(len(s) + s.count("\n") for s in strings)
    assert size < request_bytes(inline_classifier(strings)) < size + 80 * len(strings) + 2000


def test_auto_goes_by_measured_bytes(session: Any, trained: Any) -> None:
    ensemble = trained("random-forest")[2]
    exact = request_bytes(inline_classifier(ensemble.to_ee_strings())) + RESERVE
    short = request_bytes(inline_classifier(ensemble.to_ee_strings(digits="short"))) + RESERVE
    assert short < exact

    def text_of(classifier: Any) -> str:
        return json.dumps(ee.serializer.encode(classifier))

    assert json.dumps(ensemble.to_ee_strings()[0])[1:-1] in text_of(to_classifier(ensemble, limit=exact))
    assert json.dumps(ensemble.to_ee_strings(digits="short")[0])[1:-1] in text_of(
        to_classifier(ensemble, limit=exact - 1)
    )
    with pytest.raises(InputError, match=r"asset_id=.*simplify"):
        to_classifier(ensemble, limit=short - 1)
    with pytest.raises(InputError, match="asset_id="):
        to_classifier(ensemble, limit=exact - 1, digits="exact")
    with pytest.raises(InputError, match="bytes of request"):
        to_classifier(ensemble, "inline", limit=short - 1)
    # A model that compares in float64 is never shortened unasked.
    double = trained("lightgbm")[2]
    size = request_bytes(inline_classifier(double.to_ee_strings())) + RESERVE
    with pytest.raises(InputError, match="asset_id="):
        to_classifier(double, limit=size - 1)


def test_what_a_transport_needs(trained: Any) -> None:
    ensemble = trained("xgboost")[2]
    for transport, words in (
        ("table", "asset_id="),
        ("classifier", "asset_id="),
        ("blob", "upload="),
        ("post", "not known"),
    ):
        with pytest.raises(InputError, match=words):
            to_classifier(ensemble, transport)  # type: ignore[arg-type]


def test_shards_hold_the_text() -> None:
    strings = ["1) root 0 0 0\n2) a<1 0 0 1 *\n3) a>=1 0 0 2 *"] * 5000 + ["1) root 0 0 0\n" + "x" * 350_000]
    parts = list(shards(strings))
    assert all(len(p) < STRING_LIMIT for p in parts)
    assert len(parts) == 6
    assert "".join(parts).replace("#", "\n") == "\n".join(strings) + "\n"


def test_table_graph_does_not_grow(session: Any) -> None:
    assert (
        request_bytes(
            table_classifier(["projects/smgee-embedded/assets/a", "projects/smgee-embedded/assets/b"])
        )
        < 3000
    )


# on the backend


@given(ensembles())
@settings(max_examples=40, deadline=None)
def test_any_ensemble(session: Any, ensemble: TreeEnsemble) -> None:
    rows = telling_rows(ensemble)
    rows = rows[np.isfinite(rows).all(axis=1)][:60]
    got = classify_rows(ensemble, ensemble.to_classifier("inline"), rows)
    np.testing.assert_allclose(got, ensemble.predict_reference(rows), rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_inline(name: str, session: Any, trained: Any, table: Any) -> None:
    _, _, ensemble = trained(name)
    rows = complete_rows(table, ensemble)
    got = classify_rows(ensemble, ensemble.to_classifier("inline"), rows)
    np.testing.assert_allclose(got, ensemble.predict_reference(rows), rtol=0, atol=1e-9)


@pytest.mark.parametrize("transport", ["inline", "table", "blob", "classifier"])
@pytest.mark.parametrize(
    "name",
    [
        "xgboost",
        "catboost",
        "lightgbm",
        "random-forest",
        "extra-trees",
        "gradient-boosting",
        "hist-gradient-boosting",
    ],
)
def test_every_transport(transport: Any, name: str, session: Any, trained: Any, table: Any) -> None:
    _, _, ensemble = trained(name)
    upload = bucket_uploader(BUCKET, folder=session.folder / "bucket")
    classifier = ensemble.to_classifier(
        transport, asset_id=f"{session.asset_root}/{name}_{transport}", upload=upload
    )
    if transport != "inline":
        assert request_bytes(classifier) < 3000
    rows = complete_rows(table, ensemble)
    np.testing.assert_allclose(
        classify_rows(ensemble, classifier, rows), ensemble.predict_reference(rows), rtol=0, atol=1e-9
    )


def test_large_models_travel_in_several_tables(session: Any, trained: Any, table: Any) -> None:
    """With a small limit one forest needs several exports, and a classifier asset is made from them."""
    ensemble = trained("random-forest")[2]
    rows = complete_rows(table, ensemble)
    for transport in ("table", "classifier"):
        said: list[str] = []
        asset_id = f"{session.asset_root}/large_{transport}"
        classifier = ensemble.to_classifier(
            transport, asset_id=asset_id, limit=RESERVE + 250_000, progress=said.append
        )
        assert sum("table" in s for s in said) >= 3
        np.testing.assert_allclose(
            classify_rows(ensemble, classifier, rows), ensemble.predict_reference(rows), rtol=0, atol=1e-9
        )


def test_image(session: Any, trained: Any, table: Any) -> None:
    """Pixels of type double are cast to float where the model compares in float32, and masked pixels stay
    masked.
    """
    ensemble = trained("xgboost")[2]
    full = table[0][np.isfinite(table[0]).all(axis=1)]
    rows = planted_rows(ensemble, full, limit=40)
    # Doubles that round to the planted float32: the other side of a threshold for whoever does not round.
    nudged = (
        rows.astype(np.float64)
        + np.where(np.arange(len(rows)) % 2, 1, -1)[:, None] * np.spacing(rows).astype(np.float64) / 4
    )
    assert np.array_equal(nudged.astype(np.float32), rows)
    names = [f"{b} (x)" for b in BANDS]
    renamed = ensemble.with_names(names)
    affine = {"scaleX": 1, "scaleY": -1, "translateX": 0, "translateY": 0}
    grid = {"dimensions": {"width": 1, "height": 1}, "affineTransform": affine, "crsCode": "EPSG:4326"}
    got = []
    for row in nudged:
        image = ee.Image.constant(row.tolist()).double().rename(names).addBands(ee.Image(7).rename("another"))
        mapped = renamed.classify(image, band_name="soil_moisture")
        pixels = ee.data.computePixels({"expression": mapped, "fileFormat": "NUMPY_NDARRAY", "grid": grid})
        assert pixels.dtype.names == ("soil_moisture",)
        got.append(float(pixels["soil_moisture"][0, 0]))
    np.testing.assert_allclose(got, ensemble.predict_reference(rows), rtol=0, atol=1e-7)
    masked = ee.Image.constant(nudged[0].tolist()).rename(list(BANDS))
    masked = masked.addBands(masked.select("B4").updateMask(0), overwrite=True)
    mapped = ensemble.classify(masked).mask()
    pixels = ee.data.computePixels({"expression": mapped, "fileFormat": "NUMPY_NDARRAY", "grid": grid})
    assert float(pixels["prediction"][0, 0]) == 0


def test_parity_on_the_backend(session: Any, trained: Any, table: Any) -> None:
    for name in ("xgboost", "hist-gradient-boosting"):
        _, model, _ = trained(name)
        report = check_parity(
            model, rows=table[0], n=200, planted=200, feature_names=BANDS, backend=True
        ).require()
        assert {(c.method, c.rows) for c in report.comparisons} == {
            (m, r)
            for m in ("library", "kernel", "text", "classifier", "classifier, pixels")
            for r in ("real", "planted")
        }
