"""Run every notebook and say what each took: ``python -m tests.notebooks.times [FOLDER]``.

With a folder the notebooks are written there with their outputs, to be looked at.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.notebooks.kernel import NOTEBOOKS, run_notebooks


def main(out: Path | None) -> None:
    """Run them one after the other: the first two alone, the others on the small run that they share."""
    first, second, *tour = sorted(NOTEBOOKS.glob("*.ipynb"))
    for paths in ([first], [second], tour):
        with tempfile.TemporaryDirectory() as scratch:
            shutil.copy(NOTEBOOKS / "study.yml", scratch)
            with run_notebooks(paths, Path(scratch)) as runs:
                for name, run in runs.items():
                    print(f"{name:32} {run.wall_s:6.1f} s, processor {run.processor_s:6.1f} s", flush=True)
                    if out is not None:
                        out.mkdir(parents=True, exist_ok=True)
                        run.save(out / f"{name}.ipynb")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
