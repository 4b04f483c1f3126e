"""All predictors of a study as one image per composite step or per day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import ee

from smgee.grid import transformer
from smgee.predictors.composite import composite
from smgee.predictors.indices import add_indices, formula
from smgee.predictors.terrain import terrain
from smgee.study import Study

__all__ = ["Step", "predictor_image", "static_image", "step_image", "steps"]


@dataclass(frozen=True)
class Step:
    """A composite's day and the days of the study it serves, end exclusive."""

    center: date
    start: date
    end: date

    @property
    def days(self) -> list[date]:
        """Every day the composite serves."""
        return [self.start + timedelta(days=i) for i in range((self.end - self.start).days)]


def steps(study: Study) -> list[Step]:
    """Return the composite steps of a study, in time order, each serving `step_days` days around its
    centre.
    """
    width = study.predictors.step_days
    result = []
    start = study.start
    while start < study.end:
        end = min(start + timedelta(days=width), study.end)
        result.append(Step(start + timedelta(days=width // 2), start, end))
        start = end
    return result


def step_image(study: Study, step: Step) -> ee.Image:
    """Return the optical predictors (bands and indices) of a step: float bands in model order."""
    p = study.predictors
    needed = set(p.bands).union(*(formula(n)[2] for n in p.indices))
    roles = [r for r in ("blue", "green", "red", "nir", "swir1", "swir2") if r in needed]
    grid = study.grid
    left, bottom, right, top = transformer(grid.crs, "EPSG:4326").transform_bounds(
        *grid.bounds, densify_pts=21
    )
    image = composite(
        step.center,
        window_days=p.window_days,
        fill_days=p.fill_days,
        sensors=p.sensors,
        roles=roles,
        mask=p.mask,
        region=ee.Geometry.Rectangle([left, bottom, right, top], None, False),
    )
    return add_indices(image, p.indices).select([*p.bands, *p.indices])


def static_image(study: Study) -> ee.Image | None:
    """Return the predictors that do not change with time, float bands in model order; None when the study
    has none.
    """
    p = study.predictors
    return terrain(p.dem, p.terrain, grid=study.grid) if p.terrain else None


def predictor_image(study: Study, step: Step, day: date) -> ee.Image:
    """Return every predictor of a day, float bands in model order."""
    image = step_image(study, step)
    static = static_image(study)
    if static is not None:
        image = image.addBands(static)
    if "doy" in study.predictors.calendar:
        image = image.addBands(ee.Image.constant(day.timetuple().tm_yday).toFloat().rename("doy"))
    return image.select(list(study.predictors.names))
