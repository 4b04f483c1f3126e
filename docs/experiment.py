"""Renew the page of the experiment: ``python docs/experiment.py runs/experiment``.

The folder is what ``smgee experiment --out`` wrote. Tables and figure of `experiment.md` are replaced by it;
what the page says of them in sentences stays, and has to be read again.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from smgee.experiment import sentences

DOCS = Path(__file__).resolve().parent
PAGE, FIGURE = DOCS / "experiment.md", DOCS / "images" / "experiment.png"


def renewed(page: str, summary: pd.DataFrame, power: pd.DataFrame, curve: pd.DataFrame) -> str:
    """Return the page with its tables filled anew.

    Parameters
    ----------
    page : str
        Text of `experiment.md`.
    summary, power, curve : pandas.DataFrame
        The tables of an experiment.
    """
    of = {(row["scenario"], row["reference"]): row for row in summary.to_dict("records")}
    networks = power.to_dict("records")
    page = _filled(page, "| network | RMSE of the plain mean", _errors(of, networks))
    mapped = [row for row in networks if not pd.isna(row["map_skill"])]
    skills = (
        [row["scenario"], f"{row['map_skill']:.2f}", f"{row['map_spatial_r']:.2f}", _percent(row["believed"])]
        for row in mapped
    )
    page = _filled(page, "| network | skill over the network's mean", skills)
    page = _filled(page, "| gain | comparisons | median", _gains(curve))
    return _filled(page, "| network | bias, times alone", _intervals(of, mapped))


def _errors(of: dict[Any, Any], networks: list[dict[Any, Any]]) -> Iterator[list[str]]:
    for row in networks:
        spread = [_spread(of.get((row["scenario"], name))) for name in ("insitu_mean", "upscaled")]
        shares = [_percent(row[name]) for name in ("helps", "claimed_rmse", "claimed_r")]
        yield [row["scenario"], *spread, *shares, _signed(row["perfect_r"], 3)]


def _gains(curve: pd.DataFrame) -> Iterator[list[str]]:
    for row in curve.to_dict("records"):
        low, high = (f"{row[side]:g}".replace("-", "−") for side in ("low", "high"))
        name = (
            f"below {high}"
            if row["low"] <= -1
            else f"above {low}"
            if row["high"] >= 1
            else f"{low} to {high}"
        )
        shares = [_percent(row[share]) for share in ("claimed_rmse", "claimed_r", "power_r")]
        yield [name, str(row["trials"]), _signed(row["gain"], 4), *shares]


def _intervals(of: dict[Any, Any], networks: list[dict[Any, Any]]) -> Iterator[list[str]]:
    for row in networks:
        alone = _percent(of[row["scenario"], "insitu_mean"]["covered_bias"])
        held = [_percent(row[name]) for name in ("held_bias", "held_r", "held_ubrmse")]
        yield [row["scenario"], alone, *held, f"{row['meets']:.2f}"]


def _filled(page: str, head: str, rows: Iterator[list[str]]) -> str:
    """Return the page with the rows of the table whose first line begins so."""
    begin = page.index(head)
    end = page.index("\n\n", begin)
    title, rule = page[begin:end].split("\n")[:2]
    return page[:begin] + "\n".join([title, rule, *(f"| {' | '.join(row)} |" for row in rows)]) + page[end:]


def _spread(row: dict[str, Any] | None) -> str:
    return "–" if row is None else f"{row['rmse']:.3f} ({row['rmse_low']:.3f}–{row['rmse_high']:.3f})"


def _percent(share: float) -> str:
    return "–" if pd.isna(share) else f"{share * 100:.0f} %"


def _signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def main(folder: Path) -> None:
    """Renew page and figure, and print what the experiment says in sentences."""
    summary, power, curve = (
        pd.read_csv(folder / f"experiment_{name}.csv", comment="#") for name in ("summary", "power", "curve")
    )
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8"), summary, power, curve), encoding="utf-8")
    shutil.copyfile(folder / "experiment.png", FIGURE)
    print(f"{PAGE} and {FIGURE} are renewed; read the sentences of the page beside these:")
    print("\n".join(sentences(summary, power)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
