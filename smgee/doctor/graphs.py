"""The small graphs that probes ask of Earth Engine. Each function builds one, on the client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smgee.datasets import HLS, SMAP_9KM
from smgee.late import ee


def region() -> Any:
    return ee.Geometry.Rectangle([0, 0, 1, 1], "EPSG:4326", False)


def square(size: float) -> Any:
    return ee.Geometry.Rectangle([0, 0, size, size], "EPSG:4326", False)


def on_squares(image: Any, *names: str) -> Any:
    """Reduce the squares of 1° to the north-east of (0, 0), up to 4°."""
    first, second = (reducer(name) for name in names)
    both = first.combine(second, sharedInputs=True)
    return image.reduceRegion(both, square(4), crs="EPSG:4326", crsTransform=[1, 0, 0, 0, 1, 0])


def unmatched() -> Any:
    join = ee.Join.saveAll("m", outer=True)
    return join.apply(features(), features(), ee.Filter.equals(leftField="a", rightField="c"))


def at(image: Any) -> Any:
    return image.reduceRegion(ee.Reducer.first(), ee.Geometry.Point([0.5, 0.5]), 1000)


def band_types(image: Any) -> Any:
    return ee.List(image.bandTypes().values())


def image(value: Any) -> Any:
    return ee.Image(value)


def small_collection(*values: float) -> Any:
    return ee.ImageCollection([ee.Image(v).rename("a") for v in values])


def stump() -> Any:
    tree = "1) root 1 1 0.25 *\n"
    return at(
        ee.Image(1)
        .rename("x")
        .classify(ee.Classifier.decisionTreeEnsemble([tree]).setOutputMode("REGRESSION"))
    )


def ensemble(mode: str) -> Any:
    trees = [
        "1) root 1 1 0\n  2) x<0.5 1 1 0.1 *\n  3) x>=0.5 1 1 0.3 *",
        "1) root 1 1 0\n  2) x<0.5 1 1 0.2 *\n  3) x>=0.5 1 1 0.6 *",
    ]
    classifier = ee.Classifier.decisionTreeEnsemble(trees)
    if mode:
        classifier = classifier.setOutputMode(mode)
    return ee.Image(1).rename("x").classify(classifier)


def missing_property() -> Any:
    trees = ["1) root 1 1 0\n  2) x<0.5 1 1 0.1 *\n  3) x>=0.5 1 1 0.3 *"]
    table = ee.FeatureCollection([ee.Feature(None, {"x": 1}), ee.Feature(None, {"y": 1})])
    return table.classify(
        ee.Classifier.decisionTreeEnsemble(trees).setOutputMode("REGRESSION")
    ).aggregate_array("classification")


def weighted_sum() -> Any:
    region = ee.Geometry.Rectangle([0, 0, 0.3, 0.7], "EPSG:4326", False)
    return ee.Image(1).reduceRegion(
        ee.Reducer.sum(), region, None, "EPSG:4326", [0.1, 0, 0.05, 0, -0.1, 0.05]
    )


def hls_types() -> Any:
    image = ee.ImageCollection(HLS["S30"].id).filterDate("2021-07-01", "2021-07-02").first()
    return ee.Dictionary(image.select(["B4", "Fmask"]).bandTypes())


def thermal() -> Any:
    area = ee.Geometry.Point([99.8, 37.5])
    images = (
        ee.ImageCollection(HLS["L30"].id)
        .filterBounds(area)
        .filterDate("2021-07-01", "2021-08-01")
        .select("B10")
    )
    return images.max().reduceRegion(ee.Reducer.max(), area.buffer(3000), 30).getNumber("B10").lt(100)


def smap_origin() -> Any:
    image = ee.ImageCollection(SMAP_9KM[-1].id).first()
    return ee.List(ee.Dictionary(ee.Algorithms.Describe(image.select(0).projection())).get("transform"))


def smap_flag() -> Any:
    """Share of pixels with brightness temperature among those whose flag is 0: near 1 when 1 means bad."""
    image = ee.ImageCollection(SMAP_9KM[-1].id).first()
    good = image.select("tb_v_corrected_am").mask().updateMask(image.select("tb_qual_flag_v_am").eq(0))
    region = ee.Geometry.Rectangle([-110, 30, -90, 45], "EPSG:4326", False)
    return good.reduceRegion(ee.Reducer.mean(), region, 20000).getNumber("tb_v_corrected_am").gt(0.5)


def ramp() -> Any:
    """An image that grows by 10 per pixel of 1000 m to the east, and 1 to the north, in EPSG:3857 at the
    equator.
    """
    where = ee.Image.pixelCoordinates(ee.Projection("EPSG:3857"))
    return where.select("x").multiply(0.01).add(where.select("y").multiply(0.001)).floor().rename("a")


def on_ramp(image: Any) -> Any:
    point = ee.Geometry.Point([500, 500], "EPSG:3857")
    return image.reduceRegion(ee.Reducer.first(), point, None, "EPSG:3857", [1000, 0, 0, 0, -1000, 0])


def distance_in_meters() -> Any:
    """How far it is to the pixel at (3500, 500), the only one of the ramp near (500, 500) that is 35."""
    return ramp().eq(35).distance(ee.Kernel.euclidean(5000, "meters"))


def gap(image: Any) -> Any:
    """The image with the pixel at (500, 500) masked."""
    where = ee.Image.pixelCoordinates(ee.Projection("EPSG:3857", [1000, 0, 0, 0, -1000, 0])).floor()
    return image.updateMask(where.select("x").neq(0).Or(where.select("y").neq(-1)))


def collection(*images: Any) -> Any:
    return ee.ImageCollection(list(images))


def flat() -> Any:
    return ee.Terrain.aspect(ramp().multiply(0).rename("elevation"))


def pixel_position() -> Any:
    return on_ramp(ee.Image.pixelCoordinates(ee.Projection("EPSG:3857", [1000, 0, 0, 0, -1000, 0])))


def kernel(*rows: list[float]) -> Any:
    return ee.Kernel.fixed(3, 3, list(rows))


def fraction(value: float) -> Any:
    return ee.Image(1).rename("a").updateMask(value)


def value(build: Callable[[Any], Any]) -> Any:
    return build(ee)


def weighted_region(name: str) -> Any:
    """Reduce three columns of pixels, 0, 1 and 10, of which the last lies inside by a tenth."""
    x = ee.Image.pixelCoordinates(ee.Projection("EPSG:4326")).select("x").floor()
    values = x.where(x.eq(2), 10)
    region = ee.Geometry.Rectangle([0, 0, 2.1, 1], "EPSG:4326", False)
    return values.reduceRegion(reducer(name), region, crs="EPSG:4326", crsTransform=[1, 0, 0, 0, 1, 0])


def reduced(values: list[Any], name: str, *arguments: Any) -> Any:
    return ee.List(values).reduce(getattr(ee.Reducer, name)(*arguments))


def features() -> Any:
    return ee.FeatureCollection(
        [ee.Feature(None, {"a": 3, "b": "x"}), ee.Feature(None, {"b": 1.5}), ee.Feature(None, {"a": 1})]
    )


def filtered(name: str, *arguments: Any) -> Any:
    return features().filter(getattr(ee.Filter, name)(*arguments)).size()


def overlapping() -> Any:
    return ee.FeatureCollection([ee.Geometry.Rectangle([0, 0, 2, 2]), ee.Geometry.Rectangle([1, 1, 3, 3])])


def reducer(name: str) -> Any:
    return getattr(ee.Reducer, name)()


def calendar(start: int, end: int) -> Any:
    return ee.Filter.calendarRange(start, end, "day_of_year")
