"""The twin: a synthetic basin whose truth is known, served like Earth Engine's own datasets.

Everything here is made up by process models and a seed; it shows how the toolkit works and lets its results
be scored against the truth. It is no observation of any place.
"""

from smgee.twin.basin import Basin
from smgee.twin.notice import NOTICE
from smgee.twin.source import TwinSource

__all__ = ["NOTICE", "Basin", "TwinSource"]
