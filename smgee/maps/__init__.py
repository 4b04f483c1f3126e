"""A finished run as maps: one local page, and layers for `geemap`.

`Viewer` serves the page: stations by value and error, EASE-Grid cells, composites, predictors, the daily maps
with a slider, SMAP and its difference, and the series of any place. `add_run` puts the same layers on a
`geemap.Map`.
"""

from smgee.maps.content import Layer, RunContent
from smgee.maps.interactive import add_run
from smgee.maps.looks import Look
from smgee.maps.tiles import draw_tile
from smgee.maps.viewer import Viewer

__all__ = ["Layer", "Look", "RunContent", "Viewer", "add_run", "draw_tile"]
