"""Cloud fields of the scenes: correlated patches on a coarse lattice, with their shadows' offset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smgee.twin.noise import fractal_field, stream
from smgee.twin.orbits import Scene

CLOUD_CELL = 4  # pixels of 30 m per node
CLOUD_PAD = 40  # nodes around the basin, so that shadows come in from outside
FLAGGED = 0.12  # opacity from which Fmask sees a cloud; thinner veils stay in the data, as they do


@dataclass(frozen=True)
class CloudField:
    """Opacity of one scene's clouds.

    Attributes
    ----------
    opacity : (rows, cols) uint8
        Opacity × 255 at nodes every `CLOUD_CELL` pixels, starting `CLOUD_PAD` nodes before the basin; all
        zeros in a clear scene.
    shadow_rows, shadow_cols : float
        Displacement of the shadow in pixels, down and to the right.
    coverage : float
        Percent of the basin under flagged cloud or its shadow.
    """

    opacity: np.ndarray
    shadow_rows: float
    shadow_cols: float
    coverage: float

    @property
    def clear(self) -> bool:
        """True where no pixel has any cloud."""
        return not self.opacity.any()


def draw_clouds(seed: int, scene: Scene, shape: tuple[int, int], *, wet: bool) -> CloudField:
    """Draw the clouds of a scene over a basin of `shape` pixels.

    The share of cloud is beta distributed, mostly overcast on wet days and mostly broken or clear on dry
    ones; the field is the upper tail of a fractal field with the spectral slope -11/3 + 1 of cloud decks
    (Cahalan & Joseph 1989, Mon. Weather Rev. 117:261-272), which opens and closes over some 300 m. Optically
    thick cores have ragged, thin edges.
    """
    rng = stream(seed, "clouds", scene.index, scene.product)
    rows, cols = (
        -(-shape[0] // CLOUD_CELL) + 2 * CLOUD_PAD + 2,
        -(-shape[1] // CLOUD_CELL) + 2 * CLOUD_PAD + 2,
    )
    height = float(rng.uniform(900.0, 2200.0))
    share = float(rng.beta(1.6, 0.9) if wet else rng.beta(0.45, 1.1))
    reach = height * np.tan(np.radians(min(scene.sun_zenith, 70.0))) / 30.0
    away = np.radians(scene.sun_azimuth + 180.0)
    shadow_rows, shadow_cols = -reach * np.cos(away), reach * np.sin(away)
    if share < 0.015:
        return CloudField(np.zeros((rows, cols), np.uint8), shadow_rows, shadow_cols, 0.0)
    field = fractal_field(rng, (rows, cols), beta=2.9, longest=150)
    threshold = np.quantile(field, 1.0 - min(share, 0.999))
    depth = np.maximum(field - threshold + 0.05, 0.0)  # optical depth grows from the edge inwards
    opacity = np.rint(255 * (1.0 - np.exp(-4.0 * depth))).astype(np.uint8)
    inner = slice(CLOUD_PAD, -CLOUD_PAD)
    flagged = opacity >= FLAGGED * 255
    dr, dc = round(shadow_rows / CLOUD_CELL), round(shadow_cols / CLOUD_CELL)
    # Shadow at a node comes from the cloud displaced against the shadow's direction.
    shadow = np.roll(flagged, (dr, dc), (0, 1))
    coverage = 100.0 * float((flagged | shadow)[inner, inner].mean())
    return CloudField(opacity, shadow_rows, shadow_cols, coverage)
