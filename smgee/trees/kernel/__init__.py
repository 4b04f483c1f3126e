"""The prediction kernel: tree ensembles over many rows, exact and fast.

`predict` takes rows, `predict_bands` takes band-major rasters in place, `predict_xarray` takes a (possibly
lazy) dataset. All three run the same engines, so a pixel gets the same number whichever way, and in whichever
tile, it arrives.
"""

from smgee.trees.kernel.api import predict, predict_bands
from smgee.trees.kernel.raster import predict_xarray

__all__ = ["predict", "predict_bands", "predict_xarray"]
