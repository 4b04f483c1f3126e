"""Ways for a tree ensemble to reach Earth Engine as an `ee.Classifier`.

- inline: the text is inside every request; at most 10,485,760 bytes with all else in it.
- table: written once into table assets, in strings below 100,000 characters, and joined again on the server;
  each export at most 10,485,760 bytes, as many as it takes.
- blob: written once into Cloud Storage, into a bucket that the project may read, and read there by `ee.Blob`.
- classifier: written once into a classifier asset (`Export.classifier.toAsset`, `ee.Classifier.load`) of at
  most 100 MB.

Limits: Earth Engine's guides "Usage", "Exporting tables" and "Classification". The output mode is always
REGRESSION, the mean over trees; the default mode is for classes. NaN directions have no place in the text: a
pixel that is masked in a predictor the trees test is masked in the result.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from smgee.errors import InputError
from smgee.late import ee
from smgee.remote import run_task
from smgee.trees.ensemble import Digits, Transport, TreeEnsemble
from smgee.trees.text import MAX_DEPTH, iter_ee_strings, write_ee_strings

REQUEST_LIMIT = 10_485_760  # bytes of a request
RESERVE = 512 * 1024  # bytes left to the image and everything else in the same request
STRING_LIMIT = 100_000  # characters of a string property in a table asset
NEWLINE = "#"  # stands for the line break in tables; no tree text has it
log = logging.getLogger(__name__)


@lru_cache(maxsize=1)
def _tell_of_missing() -> None:
    """Say it once: a map of many days is made of many classifiers."""
    log.warning(
        "Earth Engine cannot follow the model's directions for missing values: pixels masked in a predictor "
        "stay masked."
    )


def to_classifier(
    ensemble: TreeEnsemble,
    transport: Transport = "auto",
    *,
    asset_id: str | None = None,
    upload: Callable[[Path], str] | None = None,
    digits: Digits | None = None,
    max_depth: int = MAX_DEPTH,
    limit: int = REQUEST_LIMIT,
    progress: Callable[[str], Any] | None = None,
) -> ee.Classifier:
    """Return an `ee.Classifier` whose output is the prediction of the ensemble.

    Parameters
    ----------
    transport : {"auto", "inline", "table", "blob", "classifier"}
        How the trees travel. ``"auto"`` measures the request: inline if it fits, else a table if `asset_id`
        is given, else a blob if `upload` is.
    asset_id : str, optional
        ``projects/…/assets/…`` for the table or the classifier; replaced when it exists.
    upload : callable, optional
        Brings a local file to Cloud Storage and returns its ``gs://`` URI.
    digits : {"exact", "short"}, optional
        See `smgee.trees.text`. By default exact, or short where only that fits and the model compares in
        float32.
    max_depth : int
        Deeper trees are cut (see `smgee.trees.reshape.bound_depth`).
    limit : int
        Bytes of a request; half a MiB of it is left to the image.
    progress : callable, optional
        Receives what is being done, in words.

    Returns
    -------
    ee.Classifier
        In output mode REGRESSION. Its inputs are the names in `TreeEnsemble.ee_names`;
        `TreeEnsemble.classify` applies it.

    Raises
    ------
    InputError
        When the trees do not fit, or what the transport needs was not given; it says what to do.
    RemoteError
        When Earth Engine refuses an export.
    """
    if transport not in ("auto", "inline", "table", "blob", "classifier"):
        raise InputError(
            f"The transport {transport!r} is not known; use auto, inline, table, blob or classifier."
        )
    say = progress or log.info
    if ensemble.allows_missing:
        _tell_of_missing()
    strings = list(iter_ee_strings(ensemble, digits=digits or "exact", max_depth=max_depth))
    if transport in ("auto", "inline"):
        size = request_bytes(inline_classifier(strings)) + RESERVE
        if size > limit and digits is None and ensemble.threshold_dtype == "float32":
            short = list(iter_ee_strings(ensemble, digits="short", max_depth=max_depth))
            smaller = request_bytes(inline_classifier(short)) + RESERVE
            if smaller <= limit:
                say(
                    f"Exact digits would need {size:,} bytes of {limit:,}, so the trees travel with the "
                    "digits that float32 "
                    "pixels need."
                )
                strings, size = short, smaller
        if size <= limit:
            return inline_classifier(strings)
        if transport == "inline" or (asset_id is None and upload is None):
            raise InputError(
                f"The trees need {size:,} bytes of request, image included, and {limit:,} are allowed; give "
                "asset_id= to keep "
                "them in a table "
                "asset, upload= for Cloud Storage, or make them smaller with digits='short', specialize() or "
                "simplify()."
            )
        transport = "table" if asset_id is not None else "blob"
        say(
            f"The trees need {size:,} bytes of request and {limit:,} are allowed, so they travel by "
            f"{transport}."
        )
    if transport == "blob":
        if upload is None:
            raise InputError(
                "The transport 'blob' needs upload=, a function that brings a local file to Cloud Storage "
                "and returns its gs:// "
                "URI."
            )
        with tempfile.TemporaryDirectory(prefix="smgee-") as folder:
            path = Path(folder) / f"trees_{ensemble.hash[:16]}.txt"
            write_ee_strings(ensemble, path, digits=digits or "exact", max_depth=max_depth)
            say(f"Uploading {path.stat().st_size:,} bytes of trees.")
            return blob_classifier(upload(path))
    if asset_id is None:
        raise InputError(
            f"The transport {transport!r} needs asset_id=, the id of the asset to write "
            "(projects/…/assets/…)."
        )
    if transport == "table":
        return table_classifier(save_tables(strings, asset_id, limit=limit, progress=say))
    classifier = inline_classifier(strings)
    if request_bytes(classifier) + RESERVE > limit:
        classifier = table_classifier(save_tables(strings, f"{asset_id}_text", limit=limit, progress=say))
    return save_classifier(classifier, asset_id, progress=say)


def classify(
    ensemble: TreeEnsemble,
    image: ee.Image,
    *,
    classifier: ee.Classifier | None = None,
    band_name: str = "prediction",
) -> ee.Image:
    """Predict over an image.

    Parameters
    ----------
    ensemble : TreeEnsemble
        Its predictors are picked from the image by name, and cast to float where the model compares in
        float32, so that a pixel takes the branch that it takes here.
    image : ee.Image
        With a band for every predictor; others are left out.
    classifier : ee.Classifier, optional
        What `to_classifier` returned; made inline by default.
    band_name : str
        Name of the result.

    Returns
    -------
    ee.Image
        One band, in the unit of the target, masked where a predictor that the trees test is.
    """
    names = ensemble.ee_names
    bands = image.select(list(names), list(names.values()))
    if ensemble.threshold_dtype == "float32":
        bands = bands.toFloat()
    return bands.classify(to_classifier(ensemble) if classifier is None else classifier, band_name)


def request_bytes(value: Any) -> int:
    """Return the bytes of the request body in which the official client would send a computed object."""
    from ee import serializer

    body = {"expression": serializer.encode(value, for_cloud_api=True)}
    return len(json.dumps(body).encode())


def inline_classifier(strings: Sequence[str]) -> ee.Classifier:
    """Return the classifier with the text inside."""
    return ee.Classifier.decisionTreeEnsemble(list(strings)).setOutputMode("REGRESSION")


def blob_classifier(uri: str) -> ee.Classifier:
    """Return the classifier that reads its text from Cloud Storage."""
    return ee.Classifier.decisionTreeEnsemble([ee.Blob(uri).string()]).setOutputMode("REGRESSION")


# tables


def shards(strings: Iterable[str]) -> Iterator[str]:
    """Cut the text of all trees, one behind the other, into strings that a table holds."""
    rest = ""
    for string in strings:
        rest += string.replace("\n", NEWLINE) + NEWLINE
        while len(rest) >= STRING_LIMIT:
            yield rest[: STRING_LIMIT - 1]
            rest = rest[STRING_LIMIT - 1 :]
    if rest:
        yield rest


def save_tables(
    strings: Iterable[str],
    asset_id: str,
    *,
    limit: int = REQUEST_LIMIT,
    progress: Callable[[str], Any] | None = None,
) -> list[str]:
    """Export tree text into table assets, each by one request within the limit.

    Parameters
    ----------
    strings : iterable of str
        Tree text.
    asset_id : str
        Id of the first table; others get ``_2``, ``_3``, ... behind it.
    limit : int
        Bytes of a request.
    progress : callable, optional
        Receives what is being done, in words.

    Returns
    -------
    list of str
        The ids of the tables, for `table_classifier`. Every row has its place in the text in property
        ``shard`` and the text in ``trees``.
    """
    parts: list[list[tuple[int, str]]] = [[]]
    room = limit - RESERVE
    used = 0
    for number, shard in enumerate(shards(strings)):
        size = len(shard) + 1000  # the geometry and the property names around it
        if parts[-1] and used + size > room:
            parts.append([])
            used = 0
        parts[-1].append((number, shard))
        used += size
    names = [asset_id if i == 0 else f"{asset_id}_{i + 1}" for i in range(len(parts))]
    for name, part in zip(names, parts, strict=True):
        # Earth Engine refuses to export features without a geometry.
        rows = ee.FeatureCollection(
            [ee.Feature(ee.Geometry.Point([0, 0]), {"shard": n, "trees": text}) for n, text in part]
        )
        task = ee.batch.Export.table.toAsset(
            collection=rows, description="smgee_trees", assetId=name, overwrite=True
        )
        _finish(task, f"Exporting the tree table {name}", progress)
    return names


def table_classifier(asset_ids: Sequence[str]) -> ee.Classifier:
    """Return the classifier whose text is joined, on the server, from the tables of `save_tables`."""
    rows = ee.FeatureCollection(asset_ids[0])
    for name in asset_ids[1:]:
        rows = rows.merge(ee.FeatureCollection(name))
    text = ee.String(ee.List(rows.sort("shard").aggregate_array("trees")).join("")).replace(
        NEWLINE, "\n", "g"
    )
    return ee.Classifier.decisionTreeEnsemble([text]).setOutputMode("REGRESSION")


# classifiers


def save_classifier(
    classifier: ee.Classifier, asset_id: str, *, progress: Callable[[str], Any] | None = None
) -> ee.Classifier:
    """Export a classifier into an asset, and return it as loaded from there."""
    task = ee.batch.Export.classifier.toAsset(
        classifier=classifier, description="smgee_model", assetId=asset_id, overwrite=True
    )
    _finish(task, f"Exporting the classifier {asset_id}", progress)
    return load_classifier(asset_id)


def load_classifier(asset_id: str) -> ee.Classifier:
    """Return a classifier asset in output mode REGRESSION."""
    return ee.Classifier.load(asset_id).setOutputMode("REGRESSION")


def _finish(task: Any, what: str, progress: Callable[[str], Any] | None) -> None:
    """Start an export and wait for its end."""
    (progress or log.info)(f"{what}.")
    run_task(task, what)
