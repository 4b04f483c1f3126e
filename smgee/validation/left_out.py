"""The error of the maps' mean over a cell, by maps of models that have not seen one station.

The map of a cell rests on stations that might as well have stood elsewhere. The jackknife asks what its mean
would have been without each of them: with n stations and means θ₋ᵢ, their standard error is
√((n − 1) / n Σ (θ₋ᵢ − θ₋)²) (Tukey 1958; Efron & Stein 1981, Ann. Stat. 9, 586-596), which on average is no
less than what other stations of the same kind would have made of it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from smgee.errors import InputError


def standard_errors(means: pd.DataFrame) -> pd.DataFrame:
    """Return the jackknife standard error of every cell's mean on every day.

    Parameters
    ----------
    means : pandas.DataFrame
        station (the one left out), date, cell, soil_moisture (m³ m⁻³).

    Returns
    -------
    pandas.DataFrame
        date, cell, standard_error (m³ m⁻³); NaN where a mean is missing.

    Raises
    ------
    InputError
        With fewer than two stations.
    """
    wide = means.pivot(index=["date", "cell"], columns="station", values="soil_moisture")
    count = wide.shape[1]
    if count < 2:
        raise InputError(f"{count} station was left out; the jackknife needs two or more.")
    values = wide.to_numpy("f8")
    apart = values - values.mean(axis=1, keepdims=True)
    error = np.sqrt((count - 1) / count * (apart**2).sum(axis=1))
    return pd.DataFrame({"standard_error": error}, index=wide.index).reset_index()


def cross_fitted(means: pd.DataFrame, left_out: pd.DataFrame, fitted: pd.DataFrame) -> pd.DataFrame:
    """Return the cells' means of the map in which no pixel's model has seen its nearest station.

    Parameters
    ----------
    means : pandas.DataFrame
        Of the maps, all pixels: date, cell, soil_moisture (m³ m⁻³).
    left_out : pandas.DataFrame
        Of the models without one station each, sampled pixels: station, date, cell, soil_moisture.
    fitted : pandas.DataFrame
        Of the map put together of these models, the same pixels: date, cell, soil_moisture.

    Returns
    -------
    pandas.DataFrame
        date, cell, cross_fitted (m³ m⁻³): the mean of all pixels, moved by what the map put together differs
        from the mean of these models on the sampled ones. So which pixels were sampled hardly counts.
    """
    key = ["date", "cell"]
    usual = left_out.groupby(key)["soil_moisture"].mean().rename("usual").reset_index()
    table = means[[*key, "soil_moisture"]].merge(usual, on=key, how="left")
    table = table.merge(fitted[[*key, "soil_moisture"]], on=key, how="left", suffixes=("", "_fitted"))
    moved = table["soil_moisture"] + table["soil_moisture_fitted"] - table["usual"]
    return table[key].assign(cross_fitted=moved.clip(lower=0.0))
