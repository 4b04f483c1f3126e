"""One writer for the files of a run: tables, station data, grids and stores of maps that say their units,
where they come from, and whether they are synthetic.
"""

from smgee.tables.flat import read_table, sidecar_of, table_provenance, write_table
from smgee.tables.grids import write_cog, write_dataset
from smgee.tables.provenance import Provenance
from smgee.tables.schema import Column, Schema
from smgee.tables.stores import Layer, create_zarr

__all__ = [
    "Column",
    "Layer",
    "Provenance",
    "Schema",
    "create_zarr",
    "read_table",
    "sidecar_of",
    "table_provenance",
    "write_cog",
    "write_dataset",
    "write_table",
]
