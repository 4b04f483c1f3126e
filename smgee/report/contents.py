"""What a report is made of: the files of a run, those that there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from smgee.insitu import Heterogeneity
from smgee.report.account import Account
from smgee.study import Study
from smgee.upscale import MapStore, NetworkSeries


@dataclass(frozen=True)
class Contents:
    """The parts of a run that a report shows; None or empty where there are none.

    Those that are not named below are files of the run as they were read (``_SHOWN`` of the step's file):
    `stations` daily means (time, station), `maps` and their `mean` (y, x), all in m³ m⁻³; `large` and `small`
    the validation at 36 and at 9 km.

    Parameters
    ----------
    name : str
        Of the run.
    synthetic : bool
        Whether its data come from the synthetic basin.
    samples : (int, int), optional
        Complete rows and all rows of the sample table.
    spread : Heterogeneity, optional
        How different the stations are; its table is ``stations_heterogeneity.csv``.
    state : NetworkSeries, optional
        The network's state by day, where the deployed model is added to it.
    model, route : str
        Title of the deployed model; the route that drew the maps.
    spent : str
        What the maps took, beside what was planned.
    held_out : pandas.DataFrame, optional
        Groups of predictors at stations left out, as `smgee.explain.HeldOut.group_ranking`.
    shap : sequence of Path
        Figures of what the models look at.
    predictions : DataFrame, optional
        For rows held out, as ``models/cross_validation.parquet``.
    account : Account
        How the run came about.
    uncertain : sequence of str
        Sentences on what the intervals are worth, at stations left out and against the truth.
    judged : sequence of str
        Sentences on how SMAP was judged: the hour of the references, and what was too little.
    absent : sequence of str
        One sentence on each part that is not there.
    """

    name: str
    synthetic: bool
    study: Study | None = None
    stations: xr.Dataset | None = None
    samples: tuple[int, int] | None = None
    spread: Heterogeneity | None = None
    scores: pd.DataFrame | None = None
    certificate: Mapping[str, Any] | None = None
    state: NetworkSeries | None = None
    model: str = ""
    route: str = ""
    spent: str = ""
    distances: pd.DataFrame | None = None
    held_out: pd.DataFrame | None = None
    shap: Sequence[Path] = ()
    maps: MapStore | None = None
    mean: np.ndarray | None = None
    parity: Mapping[str, Any] | None = None
    smap: pd.DataFrame | None = None
    references: pd.DataFrame | None = None
    quality: pd.DataFrame | None = None
    large: pd.DataFrame | None = None
    small: pd.DataFrame | None = None
    gains: pd.DataFrame | None = None
    verdicts: pd.DataFrame | None = None
    heterogeneity: pd.DataFrame | None = None
    ledger: pd.DataFrame | None = None
    truth: pd.DataFrame | None = None
    parts: pd.DataFrame | None = None
    comparison: pd.DataFrame | None = None
    collocation: pd.DataFrame | None = None
    collocation_truth: pd.DataFrame | None = None
    accuracy: pd.DataFrame | None = None
    periods: pd.DataFrame | None = None
    predictions: pd.DataFrame | None = None
    station_scores: pd.DataFrame | None = None
    account: Account = field(default_factory=Account)
    layers: MapStore | None = None
    uncertain: Sequence[str] = field(default_factory=tuple)
    judged: Sequence[str] = field(default_factory=tuple)
    absent: Sequence[str] = field(default_factory=tuple)
