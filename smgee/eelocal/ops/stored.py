"""What is loaded from elsewhere than the catalog: classifier assets, and files of Cloud Storage buckets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smgee.eelocal.assets.raster import load_image
from smgee.eelocal.engine.coerce import coercion
from smgee.eelocal.engine.context import Context
from smgee.eelocal.engine.evaluator import evaluate
from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.values.image import Image


@dataclass(frozen=True)
class Blob:
    """A file of a bucket: its URI and the local file that stands for it."""

    url: str
    path: Path

    def describe(self) -> dict[str, Any]:
        """Return the `getInfo` form."""
        return {"type": "Blob", "url": self.url}


@coercion("Blob")
def _blob(value: Any) -> Any:
    return value if isinstance(value, Blob) else NotImplemented


@algorithm("Classifier.load")
def load_classifier(context: Context, id: str) -> Any:
    """Return a classifier asset: the expression that was exported, evaluated."""
    return evaluate(context.assets.classifier(id), context)


@algorithm("Image.loadGeoTIFF")
def load_geotiff(context: Context, uri: str) -> Image:
    """Return a GeoTIFF of a bucket as an image."""
    source, info = context.assets.geotiff(uri)
    return load_image(info, source, version=source.version(info.id))


@algorithm("Blob")
def blob(context: Context, url: str) -> Blob:
    """Return a file of a bucket."""
    return Blob(url, context.assets.local_path(url))


@algorithm("Blob.url")
def blob_url(blob: Blob) -> str:
    """Return a file's URI."""
    return blob.url


@algorithm("Blob.string")
def blob_string(blob: Blob, encoding: str | None) -> str:
    """Return a file's text."""
    try:
        return blob.path.read_text(encoding=encoding or "UTF-8")
    except (LookupError, UnicodeError) as error:
        raise EEError(f"The content of '{blob.url}' is not {encoding or 'UTF-8'} text.") from error
