"""What the tables of a validation say, in sentences."""

from __future__ import annotations

import pandas as pd

from smgee.validation.judges import TITLES

LEVEL = 0.05

_WORTH = 0.005  # skill below this is none in two digits


def verdicts(
    table: pd.DataFrame, gains: pd.DataFrame | None = None, found: pd.DataFrame | None = None
) -> list[str]:
    """Return, in sentences, what upscaling changed in a validation table, whether SMAP meets its
    requirement, and what speaks against taking it at its word.

    Parameters
    ----------
    table, gains, found : DataFrame
        ``validation_36km.csv``, and if there are any ``gains.csv`` and ``verdicts.csv``.
    """
    grids = table["cell"].str[:3].unique()
    said = gain_sentences(table, gains, found)
    return [*said, *(s for g in grids for s in requirement_sentences(found, grid=g)), *warnings_of(table)]


def gain_sentences(
    table: pd.DataFrame, gains: pd.DataFrame | None, found: pd.DataFrame | None = None
) -> list[str]:
    """Say of each cell and overpass what the upscaled map changed, and whether that is more than chance."""
    several = table["cell"].nunique() > 1
    said: list[str] = []
    for (cell, orbit), rows in table.groupby(["cell", "orbit"], sort=False):
        by = rows.set_index("reference")
        if not {"upscaled", "insitu_mean"} <= set(by.index):
            continue
        up, plain = by.loc["upscaled"], by.loc["insitu_mean"]
        if pd.isna(up["gain_r"]):
            continue
        where = f"{cell} {orbit}" if several else f"{orbit}"
        words = (
            f"{where}: R {up['r']:.3f} against the upscaled map and {plain['r']:.3f} against the plain mean "
            f"of the stations, {up['gain_r']:+.3f} on {up['gain_n']:.0f} passes"
        )
        test = _row(gains, cell, orbit, reference="upscaled", metric="r")
        if test is None or pd.isna(test["p"]):
            low, high = up["gain_r_low"], up["gain_r_high"]
            includes = "includes" if low <= 0 <= high else "excludes"
            words += f" (an interval of {low:+.2f} to {high:+.2f}, which {includes} zero)."
        else:
            finding = "more" if test["p"] <= LEVEL else "no more"
            change = "gain" if up["gain_r"] >= 0 else "loss"
            words += (
                f": a {change}, {finding} than chance makes of two equally good references (p = "
                f"{test['p']:.2f}; chance makes {test['chance_low']:+.3f} to {test['chance_high']:+.3f}). "
                f"A true gain of this size would be found with a probability of {test['power']:.2f}; "
                f"one of {test['detectable']:.3f} with 0.80."
            )
            if pd.notna(test["false_alarms"]):
                words += (
                    f" On simulated series like these the test gives {test['false_alarms']:.1%} false alarms "
                    "(nominal 5 %, counted to about half a per cent)."
                )
        best = _row(found, cell, orbit, reference="insitu_equal")
        if best is not None and pd.notna(best["r_perfect_gain"]):
            words += f" A reference without error would gain {best['r_perfect_gain']:+.3f} at all."
        said.append(words)
    return said


def requirement_sentences(found: pd.DataFrame | None, *, grid: str) -> list[str]:
    """Say of each cell of a grid and overpass how probable it is that SMAP meets its requirement."""
    if found is None:
        return []
    part = found[found["cell"].str.startswith(grid) & found["meets"].notna()]
    several = part["cell"].nunique() > 1
    said = []
    for _, row in part.iterrows():
        where = f"{row['cell']} {row['orbit']}" if several else row["orbit"]
        said.append(f"{where}, by the {TITLES[row['reference']]}: {row['sentence']}")
    if said:
        said.append(
            "The figure of 0.04 m³/m³ is what the mission promised, and not for every place: mountains, open "
            "water, cities, snow, frozen ground and vegetation of more than 5 kg/m² are excepted, so in "
            "rough terrain missing it breaks no promise. It has been called not justifiable on "
            "scientific grounds (ESA's Fiducial Reference Measurements for Soil Moisture)."
        )
    return said


def warnings_of(table: pd.DataFrame) -> list[str]:
    """Return what speaks against rows of a validation table."""
    warnings = table["warning"].dropna() if "warning" in table else pd.Series(dtype=str)
    return [f"Beware: {w}." for w in dict.fromkeys(warnings) if w]


def _row(table: pd.DataFrame | None, cell: object, orbit: object, **fixed: str) -> pd.Series | None:
    if table is None:
        return None
    part = table[(table["cell"] == cell) & (table["orbit"] == orbit)]
    for name, value in fixed.items():
        part = part[part[name] == value]
    return part.iloc[0] if len(part) else None


def explained_in_words(groups: pd.DataFrame) -> str:
    """Say which groups of predictors are more than labels of stations.

    Parameters
    ----------
    groups : DataFrame
        As `smgee.explain.HeldOut.group_ranking`.
    """
    right = groups[(groups["skill_low"] > 0.0) & (groups["skill"] >= _WORTH)]
    louder = groups[groups["above_placebo"].astype(bool)]
    said = "At stations left out, the part of "
    if right.empty:
        said += "no group of predictors alone is surely nearer to the truth than the network's state"
    else:
        named = ", ".join(f"{r['group']} (skill {r['skill']:+.2f})" for _, r in right.iterrows())
        said += f"{named} is surely nearer to the truth than the network's state alone"
    if groups["placebo"].isna().all():
        return (
            f"{said}. The model looks at nothing that could be dealt anew among stations or dates, so there "
            "is no placebo beside it."
        )
    which = ", ".join(louder["group"]) if len(louder) else "none"
    return (
        f"{said}; above their placebo stand: {which}. Where neither holds, what the model looks at says "
        "nothing about the land."
    )


def spread_in_words(table: pd.DataFrame) -> str:
    """Say how different the stations of a network are, and how many a mean would need.

    Parameters
    ----------
    table : DataFrame
        ``stations_heterogeneity.csv``.
    """
    at = table.set_index(["quantity", "part"])["value"]
    needed = "stations needed for 0.04 m3 m-3, median day"
    return (
        f"Between stations: mean std {at['spread between stations', 'values']:.3f} m³/m³ (levels "
        f"{at['spread between stations', 'level']:.3f}, dynamics "
        f"{at['spread between stations', 'dynamics']:.3f}). A mean within 0.04 m³/m³ (95 %) would need "
        f"{at[needed, 'values']:.0f} stations on the median day, for its dynamics "
        f"{at[needed, 'dynamics']:.0f}."
    )
