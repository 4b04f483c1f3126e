"""Figures, tables, and the one self-contained HTML report of a run."""

from __future__ import annotations

from smgee.report.page import write_report

__all__ = ["write_report"]
