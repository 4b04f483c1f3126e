"""Collections of images: loading, making, reducing, compositing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapely import union_all

from smgee.eelocal.assets.raster import load_image
from smgee.eelocal.engine.context import Context
from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError, NotFoundError
from smgee.eelocal.ops.image_bands import add_bands, cast_image
from smgee.eelocal.pixels.arrays import Present
from smgee.eelocal.pixels.composites import BestOf, Mosaic
from smgee.eelocal.pixels.stack import (
    FAST,
    ReducedStack,
    SimpleStack,
    output_types,
    simple_type,
)
from smgee.eelocal.statistics.lists import ToList
from smgee.eelocal.statistics.moments import Count, Extreme, Mean, Product, Sum
from smgee.eelocal.statistics.order import Mode, Percentile
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.construct import as_image, unique_names
from smgee.eelocal.values.geometry import Geometry
from smgee.eelocal.values.image import Band, Image
from smgee.eelocal.values.lazy import Pick
from smgee.eelocal.values.pixeltype import joint, parse_type
from smgee.eelocal.values.reducer import Reducer
from smgee.source import CollectionInfo, ImageInfo

# -- loading


@algorithm("Image.load")
def load(context: Context, id: str, version: int | None) -> Image:
    """Return an image asset."""
    found = context.assets.find(id)
    if found is None:
        raise NotFoundError(
            f"Image.load: Image asset '{id}' not found (does not exist or caller does not have access)."
        )
    source, info = found
    if not isinstance(info, ImageInfo):
        raise EEError(f"Asset '{id}' is not an Image.")
    return load_image(info, source, version=_version(source, info.id))


@algorithm("ImageCollection.load")
def load_collection(context: Context, id: str, version: int | None) -> Collection:
    """Return a collection asset; its images are described when they are first needed."""
    found = context.assets.find(id)
    if found is None:
        raise NotFoundError(
            f"ImageCollection.load: ImageCollection asset '{id}' not found (does not exist or caller does "
            "not have access)."
        )
    source, info = found
    if not isinstance(info, CollectionInfo):
        raise EEError(f"Asset '{id}' is not an ImageCollection.")

    def images() -> list[Image]:
        return [load_image(i, source, version=_version(source, i.id)) for i in source.images(info.id)]

    return Collection(
        images, info.properties, kind="ImageCollection", id=info.id, version=_version(source, info.id)
    )


def _version(source: Any, asset_id: str) -> int | None:
    """Return the version of an asset from a source that keeps one (microseconds of its last change)."""
    version = getattr(source, "version", None)
    return version(asset_id) if callable(version) else None


@algorithm("ImageCollection.fromImages")
def from_images(images: list[Any]) -> Collection:
    """Make a collection of images, whose indices become their positions."""
    converted = [as_image(i) for i in images]
    if NotImplemented in converted:
        raise EEError("ImageCollection.fromImages: every element must be an image.")
    return Collection(lambda: [_indexed(i, str(n)) for n, i in enumerate(converted)], kind="ImageCollection")


def _indexed(image: Image, index: str) -> Image:
    return image.with_properties({**image.properties, "system:index": index})


# -- reductions


def images_of(collection: Collection) -> list[Image]:
    """Return the images of a collection; `EEError` when an element is none."""
    images = []
    for element in collection:
        image = as_image(element)
        if image is NotImplemented:
            raise EEError(
                f"A collection of images is required, got an element of type {type(element).__name__}."
            )
        images.append(image)
    return images


def stacked_bands(images: Sequence[Image]) -> dict[str, list[Band]]:
    """Return the bands of all images by name, names in order of first appearance."""
    bands: dict[str, list[Band]] = {}
    for image in images:
        for band in image.bands:
            bands.setdefault(band.name, []).append(band)
    return bands


def alike(images: Sequence[Image]) -> Sequence[Image]:
    """Return images whose bands have the same names in the same order, and are all integers or none.

    Others are refused in the service's words, as they are recorded in public:
    https://github.com/leftfield-geospatial/geedim/issues/16 and
    https://github.com/gee-community/geemap/issues/1058. How far ranges and precisions of floating-point bands
    may differ is not settled there; they may here.
    """
    for image in images[1:]:
        first = images[0]
        if list(image.names) != list(first.names):
            raise EEError(
                "Expected a homogeneous image collection, but an image with incompatible bands was "
                "encountered: "
                + ". ".join(
                    f"{which} image type: {len(i.bands)} bands ([{', '.join(i.names)}])"
                    for which, i in (("First", first), ("Current", image))
                )
                + "."
            )
        for expected, band in zip(first.bands, image.bands, strict=True):
            if expected.type.is_int != band.type.is_int:
                raise EEError(
                    "Expected a homogeneous image collection, but an image with an incompatible band was "
                    f"encountered. Mismatched type for band '{band.name}':\n"
                    f"Expected type: {expected.type.precision}.\n"
                    f"  Actual type: {band.type.precision}.\n"
                    f"     Image ID: {image.properties.get('system:index')}\n"
                    "This band might require an explicit cast."
                )
    return images


def joint_footprint(images: Sequence[Image]) -> Geometry | None:
    """Return the union of the footprints, None where one is unbounded or there is none."""
    shapes = [i.footprint for i in images]
    if not shapes or any(s is None for s in shapes):
        return None
    unique = {s.shape.wkb: s for s in shapes if s is not None}
    first = next(iter(unique.values()))
    if len(unique) == 1:
        return first
    if any(s.crs != first.crs for s in unique.values()):
        return None
    return Geometry(union_all([s.shape for s in unique.values()]), first.crs, first.geodesic)


def _composite(images: Sequence[Image], bands: Sequence[Band]) -> Image:
    """Return a composite: no properties, EPSG:4326 at 1°, the joint footprint."""
    return Image(tuple(bands), {}, joint_footprint(images))


_ORDERED: dict[str, Reducer] = {"median": Percentile("median", (50.0,), ("median",)), "mode": Mode()}


def _register(name: str) -> None:
    @algorithm(f"reduce.{name}")
    def reduce(collection: Collection) -> Image:
        images = alike(images_of(collection))
        bands = []
        for band_name, members in stacked_bands(images).items():
            kind = simple_type(name, [b.type for b in members])
            stack = SimpleStack(name, [b.node for b in members], kind, _ORDERED.get(name))
            bands.append(Band(band_name, stack, kind))
        return _composite(images, bands)

    reduce.__doc__ = f"Reduce a collection by `{name}`, band by band."


for _name in FAST:
    _register(_name)


@algorithm("ImageCollection.reduce")
def reduce_collection(collection: Collection, reducer: Reducer, parallelScale: float) -> Image:
    """Reduce a collection by any reducer: band by band with one input, else all bands together."""
    images = alike(images_of(collection))
    stacks = stacked_bands(images)
    bands: list[Band] = []
    if reducer.inputs <= 1:
        for name, members in stacks.items():
            if plain(reducer):
                kind = simple_type(reducer.name, [b.type for b in members])
                stack = SimpleStack(reducer.name, [b.node for b in members], kind, reducer)
                bands.append(Band(f"{name}_{reducer.name}", stack, kind))
                continue
            union = joint(b.type for b in members)
            if _lists(reducer):
                kind = union.array(union.dimensions + 1)
                listed = Present([b.node for b in members], 0, kind.dtype, kind.dimensions)
                bands.append(Band(f"{name}_{reducer.outputs[0]}", listed, kind))
                continue
            kinds = output_types(reducer, [union], len(members))
            node = ReducedStack(reducer, [[b.node for b in members]], kinds)
            bands += [
                Band(f"{name}_{output}", Pick(node, i), kinds[i]) for i, output in enumerate(reducer.outputs)
            ]
        return _composite(images, bands)
    if not images:
        return Image(())
    if len(stacks) != reducer.inputs:
        raise EEError(
            f"The reducer needs {reducer.inputs} inputs, but the collection has {len(stacks)} bands."
        )
    kinds = output_types(
        reducer, [joint(b.type for b in members) for members in stacks.values()], len(images)
    )
    node = ReducedStack(reducer, [[b.node for b in members] for members in stacks.values()], kinds)
    return _composite(
        images, [Band(output, Pick(node, i), kinds[i]) for i, output in enumerate(reducer.outputs)]
    )


def plain(reducer: Reducer) -> bool:
    """Whether a reducer is one of the simple ones as it comes, so that the fast loops compute the same."""
    if reducer.outputs != (reducer.name,) or reducer.name not in FAST:
        return False
    return type(reducer) in (Mean, Sum, Product, Mode) or (
        type(reducer) is Extreme
        or (type(reducer) is Percentile and reducer.name == "median")
        or (type(reducer) is Count and not reducer.every)
    )


def _lists(reducer: Reducer) -> bool:
    """Whether a reducer lists its values: pixels hold the list as an array."""
    return type(reducer) is ToList and reducer.inputs <= 1


# -- composites


def mosaic_images(images: Sequence[Image]) -> Image:
    """Return a mosaic of images, later ones on top."""
    bands = []
    for name, members in stacked_bands(images).items():
        kind = joint(b.type for b in members)
        node = members[0].node if len(members) == 1 else Mosaic([b.node for b in members], kind.dtype)
        bands.append(Band(name, node, kind))
    return _composite(images, bands)


@algorithm("ImageCollection.mosaic")
def mosaic(collection: Collection) -> Image:
    """Lay the images on top of each other."""
    return mosaic_images(alike(images_of(collection)))


@algorithm("ImageCollection.qualityMosaic")
def quality_mosaic(collection: Collection, qualityBand: str) -> Image:
    """Take every pixel from the image with the greatest quality there."""
    images = alike(images_of(collection))
    if not images:
        return Image(())
    names = images[0].names
    if qualityBand not in names:
        raise EEError(f"Every image must have the band '{qualityBand}'.")
    kinds = [joint(i.band(n).type for i in images) for n in names]
    node = BestOf(
        [i.band(qualityBand).node for i in images],
        [[i.band(n).node for i in images] for n in names],
        [k.dtype for k in kinds],
    )
    return _composite(images, [Band(n, Pick(node, k), kinds[k]) for k, n in enumerate(names)])


@algorithm("ImageCollection.toBands")
def to_bands(collection: Collection) -> Image:
    """Make one image of all bands of all images, named by index and band."""
    images = images_of(collection)
    count = sum(len(i.bands) for i in images)
    if count > 5000:
        raise EEError(f"Too many bands: {count}. The maximum is 5000.")
    bands, names = [], []
    for number, image in enumerate(images):
        index = image.properties.get("system:index", str(number))
        names += [f"{index}_{b.name}" for b in image.bands]
        bands += list(image.bands)
    unique = unique_names((), names)
    renamed = tuple(b.renamed(n) for b, n in zip(bands, unique, strict=True))
    return Image(renamed, {}, joint_footprint(images), clipped=any(i.clipped for i in images))


@algorithm("ImageCollection.combine")
def combine(primary: Collection, secondary: Collection, overwrite: bool) -> Collection:
    """Join the bands of images with the same index."""

    def images() -> list[Image]:
        others = {i.properties.get("system:index"): i for i in images_of(secondary)}
        pairs = [(i, others.get(i.properties.get("system:index"))) for i in images_of(primary)]
        return [add_bands(i, list(o.bands), overwrite=overwrite) for i, o in pairs if o is not None]

    return primary.derive(images, kind="ImageCollection")


@algorithm("ImageCollection.cast")
def cast_collection(collection: Collection, bandTypes: dict[str, Any], bandOrder: list[str]) -> Collection:
    """Give every image the same bands of the same types."""
    types = {n: parse_type(t) for n, t in bandTypes.items()}

    def images() -> list[Image]:
        converted = []
        for image in images_of(collection):
            unknown = [n for n in image.names if n not in types]
            if unknown:
                raise EEError(f"bandTypes must include all bands of every image; '{unknown[0]}' is missing.")
            converted.append(cast_image(image, types, list(bandOrder)))
        return converted

    return collection.derive(images, kind="ImageCollection")
