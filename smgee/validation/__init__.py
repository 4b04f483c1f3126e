"""Validation of SMAP: metrics with honest intervals, means over exact EASE-Grid cells, tables, terrain."""

from smgee.validation.claims import gain_table, map_verdicts, verdict_table
from smgee.validation.collocation import collocation_sentences, collocation_table
from smgee.validation.footprint import footprint_means, footprint_weights
from smgee.validation.hdf5 import read_smap
from smgee.validation.heterogeneity import cell_conditions, further_conditions, relate_errors
from smgee.validation.independence import independence_sentences, products_in_the_maps
from smgee.validation.judges import Judges, gather
from smgee.validation.land_cover import land_cover_entropy
from smgee.validation.ledger import footprint_ledger
from smgee.validation.left_out import cross_fitted, standard_errors
from smgee.validation.map_accuracy import map_accuracy
from smgee.validation.others import Product, fetch_others, products_of
from smgee.validation.pairs import overpass_dates, select_dates
from smgee.validation.parts import compare_products, validate_parts
from smgee.validation.quality import count_retrievals, select_retrievals, too_few
from smgee.validation.references import (
    cell_station_means,
    overpass_station_means,
    station_references,
    station_weights,
)
from smgee.validation.smap import validate
from smgee.validation.sources import fetch_smap, warp_pixel
from smgee.validation.verdicts import sampling_error, verdict
from smgee.validation.weights import CellWeights, cell_weights
from smgee.validation.zonal import zonal_means, zonal_statistics

__all__ = [
    "CellWeights",
    "Judges",
    "Product",
    "cell_conditions",
    "cell_station_means",
    "cell_weights",
    "collocation_sentences",
    "collocation_table",
    "compare_products",
    "count_retrievals",
    "cross_fitted",
    "fetch_others",
    "fetch_smap",
    "footprint_ledger",
    "footprint_means",
    "footprint_weights",
    "further_conditions",
    "gain_table",
    "gather",
    "independence_sentences",
    "land_cover_entropy",
    "map_accuracy",
    "map_verdicts",
    "overpass_dates",
    "overpass_station_means",
    "products_in_the_maps",
    "products_of",
    "read_smap",
    "relate_errors",
    "sampling_error",
    "select_dates",
    "select_retrievals",
    "standard_errors",
    "station_references",
    "station_weights",
    "too_few",
    "validate",
    "validate_parts",
    "verdict",
    "verdict_table",
    "warp_pixel",
    "zonal_means",
    "zonal_statistics",
]
