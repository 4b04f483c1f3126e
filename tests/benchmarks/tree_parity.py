"""Max |Δ| of every family of tree models by every way of predicting and every transport, on real and planted
rows.

Run by hand: ``python -m tests.benchmarks.tree_parity [folder of real data]``. Needs nothing but the embedded
Earth Engine.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.table import Table

import smgee
from smgee.remote import bucket_uploader
from smgee.trees import TreeEnsemble
from smgee.trees.parity import check_parity, classify_rows
from smgee.trees.planted import planted_rows
from smgee.trees.simplify import text_bytes
from smgee.trees.transports import request_bytes
from tests.trees.families import BANDS, FAMILIES, real_table

TRANSPORTS = ("inline", "table", "blob", "classifier")
CARRIED = (
    "xgboost",
    "catboost",
    "catboost-lossguide",
    "lightgbm",
    "decision-tree",
    "random-forest",
    "extra-trees",
    "gradient-boosting",
    "hist-gradient-boosting",
)


def main(folder: Path) -> None:
    """Print both tables."""
    console = Console(width=150)
    X, y = real_table(folder)
    full = np.isfinite(X).all(axis=1)
    ways = ("library", "kernel", "text", "classifier", "classifier, pixels")
    table = Table(
        "family",
        "trees",
        "nodes",
        *ways,
        "bytes a node, exact",
        "short",
        title="Largest |Δ| from the trees walked in float64",
    )
    carried = Table(
        "family",
        *(f"{t}: |Δ|" for t in TRANSPORTS),
        *(f"{t}: bytes" for t in TRANSPORTS),
        title="Transports, and bytes of a request",
    )
    with TemporaryDirectory() as scratch:
        bucket = Path(scratch) / "bucket"
        with smgee.connect(
            "embedded", sources=[], store=Path(scratch) / "assets", buckets={"trees": bucket}
        ) as session:
            for name, family in FAMILIES.items():
                rows = X if family.missing else np.nan_to_num(X, nan=-9999.0)
                model = family.train(rows[:3000], y[:3000])
                report = check_parity(
                    model, rows=rows, n=1000, planted=3000, feature_names=BANDS, backend=True
                )
                worst = {w: max(c.max_difference for c in report.comparisons if c.method == w) for w in ways}
                e = report.ensemble
                lengths = [text_bytes(e, digits="exact"), text_bytes(e, digits="short")]
                size = [f"{length / e.n_nodes:.1f}" for length in lengths]
                table.add_row(
                    name, str(e.n_trees), f"{e.n_nodes:,}", *(f"{worst[w]:.1e}" for w in ways), *size
                )
                if name in CARRIED:
                    carried.add_row(name, *_carry(e, X[full], session, bucket))
    console.print(table)
    console.print(carried)


def _carry(ensemble: TreeEnsemble, rows: np.ndarray, session: smgee.Session, bucket: Path) -> list[str]:
    """Return the difference and the bytes of a request, for every transport."""
    rows = np.concatenate(
        [rows[:300].astype(ensemble.threshold_dtype), planted_rows(ensemble, rows, limit=500)]
    )
    expected = ensemble.predict_reference(rows)
    differences, sizes = [], []
    for transport in TRANSPORTS:
        classifier = ensemble.to_classifier(
            transport,
            asset_id=f"{session.asset_root}/{ensemble.hash[:12]}_{transport}",
            upload=bucket_uploader("trees", folder=bucket),
        )
        differences.append(f"{np.abs(classify_rows(ensemble, classifier, rows) - expected).max():.1e}")
        sizes.append(f"{request_bytes(classifier):,}")
    return differences + sizes


if __name__ == "__main__":
    default = os.environ.get("SMGEE_REAL_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data"
    main(Path(sys.argv[1] if len(sys.argv) > 1 else default))
