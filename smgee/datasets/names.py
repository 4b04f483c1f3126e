"""What the names of files say: those of AppEEARS, LP DAAC, NSIDC, Copernicus, ALOS and SRTM; dates in any.

Sources: the HLS v2.0 user guide, AppEEARS' and NSIDC's file names, and the names of the elevation tiles.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from smgee.datasets.base import Dataset
from smgee.errors import InputError


@dataclass(frozen=True)
class FileFacts:
    """What a file's name says: `layer` names the band ("" when it does not), `index` the image, `start`
    its time (UTC).
    """

    style: str
    layer: str = ""
    index: str | None = None
    start: datetime | None = None
    tile: str | None = None
    product: str | None = (
        None  # the short name that the file name states: HLSS30, HLSL30, SPL3SMP or SPL3SMP_E
    )


_APPEEARS = re.compile(
    r"(?P<product>[A-Za-z0-9_]+)\.(?P<version>\d{3})_(?P<layer>.+)_doy(?P<day>\d{7})(?P<time>\d{6})?"
    r"_aid(?P<area>\d{4})(?:_(?P<zone>\w+))?"
)
_LPDAAC = re.compile(
    r"HLS\.(?P<sensor>[LS]30)\.(?P<tile>T\d{2}[A-Z]{3})\.(?P<time>\d{7}T\d{6})"
    r"\.v(?P<version>[\d.]+)\.(?P<layer>\w+)"
)
_SMAP = re.compile(r"SMAP_L3_SM_P(?P<enhanced>_E)?_(?P<day>\d{8})_R\d+_\d+")
_COPERNICUS = re.compile(
    r"Copernicus_DSM_(?:COG_)?\d+_(?P<index>[NS]\d{2}_\d{2}_[EW]\d{3}_\d{2})_(?P<layer>DEM|EDM|FLM|HEM|WBM)"
)
_ALOS = re.compile(r"ALPSMLC30_(?P<index>[NS]\d{3}[EW]\d{3})_(?P<layer>DSM|STK|MSK)")
_SRTM = re.compile(r"(?P<index>[NSns]\d{2}[EWew]\d{3})(?:\.(?P<layer>\w+))?")
_DATES = (
    (re.compile(r"doy(\d{7})"), "%Y%j"),
    (re.compile(r"(?<!\d)(\d{8}T\d{6})(?!\d)"), "%Y%m%dT%H%M%S"),
    (re.compile(r"(?<!\d)((?:19|20)\d{2}-[01]\d-[0-3]\d)(?!\d)"), "%Y-%m-%d"),
    (re.compile(r"(?<!\d)((?:19|20)\d{2}_[01]\d_[0-3]\d)(?!\d)"), "%Y_%m_%d"),
    (re.compile(r"(?<!\d)((?:19|20)\d{2}[01]\d[0-3]\d)(?!\d)"), "%Y%m%d"),
    (re.compile(r"(?<!\d)((?:19|20)\d{2}[0-3]\d{2})(?!\d)"), "%Y%j"),
)


def _moment(name: str, text: str, pattern: str) -> datetime:
    """Return the time that a product's file name states, which must be there."""
    try:
        return _utc(text, pattern)
    except ValueError as error:
        raise InputError(
            f"The name of the file {name} states the time {text}, which is not on the calendar; restore the "
            "name that the file "
            "was downloaded under."
        ) from error


def check_product(path: Path, facts: FileFacts, identifier: str) -> None:
    """Refuse a file under an official HLS, SMAP or MODIS id when its name states another product; private ids
    take every file.

    The sensors' bands of one number differ (B05 is red edge in HLSS30, near infrared in HLSL30), and the
    satellites of MODIS pass at different hours, so a mix-up gives plausible wrong numbers.

    Raises
    ------
    InputError
        When name and id contradict each other.
    """
    match = re.match(r"(?:NASA/(?:HLS|SMAP)|MODIS/\d{3})/(\w+)(?:/|$)", identifier)
    if match and facts.product is not None and facts.product != match[1]:
        raise InputError(
            f"The name of the file {path.name} says that it holds {facts.product}, but {identifier} is "
            f"{match[1]}; register it "
            "under the id of its own product."
        )


def _utc(text: str, pattern: str) -> datetime:
    return datetime.strptime(text, pattern).replace(tzinfo=UTC)


def read_name(path: Path) -> FileFacts:
    """Return what a file's name says about its content.

    AppEEARS, LP DAAC HLS granules, NSIDC SMAP L3, Copernicus and ALOS elevation tiles, and SRTM tiles are
    understood; for other names, a date in any usual form is.

    An HLS image's index is ``T<tile>_<yyyymmdd>T<hhmmss>`` as in Earth Engine. AppEEARS names hold neither
    tile nor time of day: their index is ``<yyyymmdd>_aid<area>[_<zone>]``, their time midnight UTC.

    Raises
    ------
    InputError
        When a product's file name states a day or time that is not on the calendar.
    """
    whole = name = path.name
    while Path(name).suffix.lower() in (
        ".tif",
        ".tiff",
        ".h5",
        ".hdf5",
        ".hgt",
        ".nc",
        ".zarr",
        ".img",
        ".vrt",
        ".zip",
    ):
        name = Path(name).stem
    match = _LPDAAC.fullmatch(name)
    if match:
        start = _moment(whole, match["time"], "%Y%jT%H%M%S")
        return FileFacts(
            "lpdaac",
            match["layer"],
            f"{match['tile']}_{start:%Y%m%dT%H%M%S}",
            start,
            match["tile"],
            f"HLS{match['sensor']}",
        )
    match = _APPEEARS.fullmatch(name)
    if match:
        start = _moment(whole, match["day"] + (match["time"] or "000000"), "%Y%j%H%M%S")
        suffix = f"_{match['zone']}" if match["zone"] else ""
        moment = f"{start:%Y%m%dT%H%M%S}" if match["time"] else f"{start:%Y%m%d}"
        index = f"{moment}_aid{match['area']}{suffix}"
        return FileFacts("appeears", match["layer"], index, start, product=match["product"])
    match = _SMAP.fullmatch(name)
    if match:
        style, product = ("smap_e", "SPL3SMP_E") if match["enhanced"] else ("smap", "SPL3SMP")
        return FileFacts(
            style,
            "",
            match["day"],
            _moment(whole, match["day"], "%Y%m%d") + timedelta(hours=12),
            product=product,
        )
    for style, pattern in (("copernicus", _COPERNICUS), ("alos", _ALOS)):
        match = pattern.fullmatch(name)
        if match:
            return FileFacts(style, match["layer"], match["index"])
    match = _SRTM.fullmatch(name)
    if match:
        layer = match["layer"] or ""
        return FileFacts(
            "srtm",
            "" if layer.upper().startswith(("SRTM", "NASADEM", "HGT")) else layer,
            match["index"].upper(),
        )
    for expression, layout in _DATES:
        found = expression.search(name)
        if found:
            try:
                start = _utc(found[1], layout)
            except ValueError:
                continue
            return FileFacts("dated", "", _clean(name), start)
    return FileFacts("plain", "", _clean(name))


def _clean(name: str) -> str:
    """Return a name as an asset's: letters, digits, hyphens and underscores."""
    return re.sub(r"[^A-Za-z0-9_\-]+", "_", name).strip("_")[:100] or "image"


def tag_properties(product: Dataset, tags: Mapping[str, Any], facts: FileFacts) -> dict[str, Any]:
    """Return image properties from a file's metadata, numbers as numbers."""
    properties: dict[str, Any] = {}
    for key, name in product.tags.items():
        if key in tags:
            text = str(tags[key])
            try:
                properties[name] = float(text)
                if properties[name].is_integer() and re.fullmatch(r"-?\d+", text):
                    properties[name] = int(text)
            except ValueError:
                properties[name] = text
    if product.short_name == "HLSS30" and facts.tile is not None:
        properties["MGRS_TILE_ID"] = facts.tile[1:]
    return properties
