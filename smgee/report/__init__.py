"""Figures, tables, and the one self-contained HTML report of a run."""

from smgee.report.contents import Contents
from smgee.report.page import write_report
from smgee.report.pages import write_pages
from smgee.report.verdicts import verdicts

__all__ = ["Contents", "verdicts", "write_pages", "write_report"]
