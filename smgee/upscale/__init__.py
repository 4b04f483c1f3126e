"""From a trained model to daily 30 m maps: through xee, or as a classifier on Earth Engine; and the proof
that both agree.

Blocks of the lattice and days are jobs (`blocks`), routes make their maps (`route`, `xee_route`,
`classifier_route`), an executor runs them (`jobs`) and a store takes them (`store`).
"""

from smgee.upscale.blocks import Block, MapJob, tiling
from smgee.upscale.cells import CellMeans
from smgee.upscale.classifier_route import ClassifierRoute
from smgee.upscale.daily import DailyModel, NetworkSeries
from smgee.upscale.files import write_daily_cogs, write_netcdf
from smgee.upscale.jobs import Done, plan_jobs, run_jobs
from smgee.upscale.kept import KeptBands
from smgee.upscale.layers import LAYERS, ClassifierLayers, LayerModels, XeeLayers, make_layers
from smgee.upscale.parity import Parity, compare_maps, compare_routes, compare_store
from smgee.upscale.route import Cost, Route
from smgee.upscale.sampled import (
    CROSS_FITTED,
    SampledRoute,
    nearest_place,
    sampled_grid,
    sampled_means,
    sampling_step,
)
from smgee.upscale.season import (
    cell_means,
    default_block,
    make_route,
    map_day,
    map_season,
    pull_static,
    season_mean,
)
from smgee.upscale.store import SOIL_MOISTURE, MapStore, Variable
from smgee.upscale.there import ServerRoute, cell_means_there, season_image, season_mean_there
from smgee.upscale.workers import Cluster, Processes, open_workers
from smgee.upscale.xee_route import XeeRoute

__all__ = [
    "CROSS_FITTED",
    "LAYERS",
    "SOIL_MOISTURE",
    "Block",
    "CellMeans",
    "ClassifierLayers",
    "ClassifierRoute",
    "Cluster",
    "Cost",
    "DailyModel",
    "Done",
    "KeptBands",
    "LayerModels",
    "MapJob",
    "MapStore",
    "NetworkSeries",
    "Parity",
    "Processes",
    "Route",
    "SampledRoute",
    "ServerRoute",
    "Variable",
    "XeeLayers",
    "XeeRoute",
    "cell_means",
    "cell_means_there",
    "compare_maps",
    "compare_routes",
    "compare_store",
    "default_block",
    "make_layers",
    "make_route",
    "map_day",
    "map_season",
    "nearest_place",
    "open_workers",
    "plan_jobs",
    "pull_static",
    "run_jobs",
    "sampled_grid",
    "sampled_means",
    "sampling_step",
    "season_image",
    "season_mean",
    "season_mean_there",
    "tiling",
    "write_daily_cogs",
    "write_netcdf",
]
