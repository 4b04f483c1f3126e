"""Asset cards that can be rechecked: a seal over the card, and marks of the content.

A card is what an asset's properties say of it. Its seal is a hash over all of them, so a changed property is
noticed; the marks tell the content itself: a hash of an image's pixels, a hash of a table's features, for a
collection one of its members' seals, and for a classifier its answers to made-up predictors, which no format
of trees can change without changing them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ee
import numpy as np
import pandas as pd

from smgee.assets import list_assets
from smgee.errors import InputError, MissingDataError
from smgee.remote import NotFound, call
from smgee.trees import TreeEnsemble

__all__ = ["SEAL", "Check", "image_mark", "members_mark", "model_marks", "seal", "table_mark", "verify"]

SEAL = "card_sha256"
NOTHING = -9999.0
"""Stands for a masked pixel in the mark of an image."""

_PROBES = 48
_ROWS = 512  # of an image that are pulled at once
_TOLERANCE = 2e-6  # relative; trees answer in float32 on one side and float64 on the other


@dataclass(frozen=True)
class Check:
    """One check of an asset.

    Attributes
    ----------
    asset : str
        Its id.
    what : str
        ``card`` or ``content``.
    holds : bool or None
        None where the card says nothing that could be checked.
    said : str
        In a sentence.
    """

    asset: str
    what: str
    holds: bool | None
    said: str


def seal(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card with the hash over all its properties."""
    bare = {k: v for k, v in card.items() if k != SEAL and not k.startswith("system:")}
    return {**bare, SEAL: _digest({k: _plain(v) for k, v in sorted(bare.items())})}


def image_mark(bands: Iterable[tuple[str, np.ndarray]]) -> str:
    """Return the hash of an image's pixels, band by band.

    Parameters
    ----------
    bands : iterable of (str, (y, x) array)
        In the image's order, taken one at a time; values as stored, NaN where masked.
    """
    digest = hashlib.sha256()
    for name, values in bands:
        stored = np.asarray(values, "<f8")
        stored = np.where(np.isnan(stored), NOTHING, stored)
        digest.update(f"{name}{stored.shape}".encode())
        digest.update(np.ascontiguousarray(stored).tobytes())
    return digest.hexdigest()


def table_mark(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> dict[str, str]:
    """Return the hash of a table's features, and the columns it is made of, for the table's card.

    Parameters
    ----------
    rows : iterable of mapping
        GeoJSON features: of the geometry the outer bounds count, to 1e-6 degrees.
    columns : sequence of str
        Properties that count.
    """
    told = sorted(
        json.dumps([*_bounds(row["geometry"]["coordinates"]), *(_told(row, c) for c in columns)])
        for row in rows
    )
    return {"columns": ",".join(columns), "content_sha256": _digest(told)}


def members_mark(assets: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how many images a collection holds, and the hash of their names and seals.

    Parameters
    ----------
    assets : iterable of mapping
        As the client lists them.
    """
    told = sorted(
        f"{str(a['name']).rsplit('/', 1)[-1]} {a.get('properties', {}).get(SEAL, '')}" for a in assets
    )
    return {"images": len(told), "content_sha256": _digest(told)}


def model_marks(model: TreeEnsemble, *, seed: int = 0) -> dict[str, str]:
    """Return made-up predictors and the model's answers to them, for its card.

    Parameters
    ----------
    seed : int
        Of the predictors.
    """
    rng = np.random.default_rng(seed)
    inner = np.asarray(model.feature) >= 0
    rows = np.empty((_PROBES, len(model.feature_names)), np.float32)
    for k in range(rows.shape[1]):
        own = np.asarray(model.threshold)[inner & (np.asarray(model.feature) == k)]
        low, high = (own.min(), own.max()) if own.size else (0.0, 1.0)
        edge = 0.1 * (high - low) or 1.0
        # short numbers: what is written on the card is what is predicted from
        rows[:, k] = [float(f"{v:.5g}") for v in rng.uniform(low - edge, high + edge, _PROBES)]
    answers = model.predict(rows)
    return {
        "probe_bands": ",".join(model.ee_names.values()),
        "probe_rows": ";".join(",".join(f"{v:.9g}" for v in row) for row in rows.tolist()),
        "probe_answers": ",".join(f"{v:.9g}" for v in np.asarray(answers, float)),
    }


def verify(asset_id: str) -> list[Check]:
    """Recheck an asset, or every asset in a folder, against its card.

    Parameters
    ----------
    asset_id : str
        ``projects/…/assets/…``.

    Raises
    ------
    InputError
        When there is no such asset.
    MissingDataError
        For a folder without assets.
    """
    try:
        asset: dict[str, Any] = call(lambda: ee.data.getAsset(asset_id))
    except NotFound as error:
        raise InputError(
            f"There is no asset {asset_id}, or not for this login; `smgee publish` lists what it writes."
        ) from error
    kind = str(asset["type"])
    card = {k: v for k, v in asset.get("properties", {}).items() if not k.startswith("system:")}
    if kind not in ("FOLDER", "IMAGE_COLLECTION"):
        return [_check_card(asset_id, card), _check_content(asset_id, kind, card)]
    inside = list_assets(asset_id)
    if not inside and SEAL not in card:
        raise MissingDataError(f"{asset_id} holds no asset; there is nothing to verify.")
    own = [_check_card(asset_id, card), _check_members(asset_id, inside, card)] if SEAL in card else []
    return [*own, *(check for one in inside for check in verify(str(one["name"])))]


def _check_card(asset_id: str, card: Mapping[str, Any]) -> Check:
    if SEAL not in card:
        return Check(asset_id, "card", None, "the card carries no seal; it is not of `smgee publish`")
    holds = seal(card)[SEAL] == card[SEAL]
    said = (
        f"all {len(card) - 1} properties are as they were published"
        if holds
        else "the card is not the one that was published: a property was changed, added or removed"
    )
    return Check(asset_id, "card", holds, said)


def _check_members(asset_id: str, inside: Sequence[Mapping[str, Any]], card: Mapping[str, Any]) -> Check:
    told = members_mark(inside)
    if told["content_sha256"] == card.get("content_sha256"):
        return Check(asset_id, "content", True, f"the {told['images']} images are those that were published")
    said = f"the {told['images']} images are others than the {card.get('images')} published"
    return Check(asset_id, "content", False, f"{said}: one was changed, added or removed")


def _check_content(asset_id: str, kind: str, card: Mapping[str, Any]) -> Check:
    if kind == "IMAGE" and "content_sha256" in card:
        holds = image_mark(_pixels(asset_id)) == card["content_sha256"]
        what = "pixels"
    elif kind == "TABLE" and "content_sha256" in card:
        holds = _features(asset_id, card)["content_sha256"] == card["content_sha256"]
        what = "features"
    elif kind == "CLASSIFIER" and "probe_answers" in card:
        holds = _answers(asset_id, card)
        what = f"answers to {_PROBES} made-up rows of predictors"
    else:
        return Check(asset_id, "content", None, "the card carries no mark of the content")
    said = f"the {what} are those that were published" if holds else f"the {what} are others than published"
    return Check(asset_id, "content", holds, said)


def _pixels(asset_id: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yield an image's bands, (y, x) float64, NaN where masked."""
    info: dict[str, Any] = call(lambda: ee.Image(asset_id).getInfo())
    for band in info["bands"]:
        yield str(band["id"]), _band(asset_id, band)


def _band(asset_id: str, band: Mapping[str, Any]) -> np.ndarray:
    width, height = band["dimensions"]
    a, b, c, d, e, f = band["crs_transform"]
    # As doubles, which hold every type: unmasking an unsigned band would make another number of NOTHING.
    image = ee.Image(asset_id).select([band["id"]], ["v"]).toDouble().unmask(NOTHING)
    parts = []
    for row in range(0, height, _ROWS):
        rows = min(_ROWS, height - row)
        grid = {
            "dimensions": {"width": width, "height": rows},
            "affineTransform": {
                "scaleX": a,
                "shearX": b,
                "translateX": c + b * row,
                "shearY": d,
                "scaleY": e,
                "translateY": f + e * row,
            },
            "crsCode": band["crs"],
        }
        request = {"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": grid}
        found = call(lambda request=request: ee.data.computePixels(request))  # type: ignore[misc]
        parts.append(np.asarray(found["v"], np.float64))
    values = np.concatenate(parts)
    return np.where(values == NOTHING, np.nan, values)


def _features(asset_id: str, card: Mapping[str, Any]) -> dict[str, str]:
    columns = str(card.get("columns", "")).split(",")
    features = call(lambda: ee.FeatureCollection(asset_id).select(columns).getInfo())["features"]
    return table_mark(features, columns)


def _answers(asset_id: str, card: Mapping[str, Any]) -> bool:
    # a model of no predictors, such as the network's mean, has no bands and empty rows
    names = str(card["probe_bands"]).split(",") if card["probe_bands"] else []
    rows = [[float(v) for v in row.split(",")] if row else [] for row in str(card["probe_rows"]).split(";")]
    wanted = np.array([float(v) for v in str(card["probe_answers"]).split(",")])
    table = ee.FeatureCollection(
        [ee.Feature(None, {"row": k, **dict(zip(names, row, strict=True))}) for k, row in enumerate(rows)]
    )
    model = ee.Classifier.load(asset_id).setOutputMode("REGRESSION")
    found = call(lambda: table.classify(model).getInfo())["features"]
    answers = pd.Series({f["properties"]["row"]: f["properties"]["classification"] for f in found})
    told = answers.sort_index().to_numpy(float)
    return told.shape == wanted.shape and bool(np.allclose(told, wanted, rtol=_TOLERANCE, atol=_TOLERANCE))


def _bounds(coordinates: Any) -> list[str]:
    """Return the least and greatest longitude and latitude of nested coordinates, to 1e-6 degrees."""
    flat = np.array(list(_positions(coordinates)), float)
    return [f"{v:.6f}" for v in (*flat.min(axis=0), *flat.max(axis=0))]


def _positions(coordinates: Any) -> Iterator[Any]:
    if isinstance(coordinates[0], (int, float)):
        yield coordinates[:2]
        return
    for part in coordinates:
        yield from _positions(part)


def _told(row: Mapping[str, Any], column: str) -> str:
    value = row["properties"].get(column)
    return "" if value is None else _plain(value)


def _plain(value: Any) -> str:
    """Write a property the same way whether it went through the service or not."""
    return f"{float(value):.12g}" if isinstance(value, (int, float)) else str(value)


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()
