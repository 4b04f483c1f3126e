"""One writer for the files of a run: tables, station data and grids that say their units, where they come
from, and whether they are synthetic.
"""

from smgee.tables.flat import read_table, sidecar_of, table_provenance, write_table
from smgee.tables.grids import write_cog, write_dataset
from smgee.tables.provenance import Provenance
from smgee.tables.schema import Column, Schema

__all__ = [
    "Column",
    "Provenance",
    "Schema",
    "read_table",
    "sidecar_of",
    "table_provenance",
    "write_cog",
    "write_dataset",
    "write_table",
]
