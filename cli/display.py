"""What commands print: progress of steps, times, and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from smgee.workflow.connection import connected
from smgee.workflow.folder import RunFolder
from smgee.workflow.registry import command_of
from smgee.workflow.run import Events, execute
from smgee.workflow.step import Action, Decision, Step

console = Console(highlight=False)
_STYLES = {"run": "yellow", "may run": "yellow", "keep": "green", "leave out": "dim", "cannot run": "red"}
_ENDINGS = {Action.KEEP: " (done)", Action.LEAVE_OUT: " (left out)"}


class _Bars(Events):
    """Progress bars, one for each step; a line for each where there is no terminal."""

    def __init__(self, progress: Progress):
        self._progress = progress
        self._tasks: dict[str, Any] = {}
        self.results: list[dict[str, Any]] = []

    def start(self, step: Step, decision: Decision) -> None:
        self._tasks[step.name] = self._progress.add_task(step.title, total=1.0)

    def progress(self, step: Step, share: float, note: str = "") -> None:
        said = f"{step.title}: {note}" if note else step.title
        self._progress.update(self._tasks[step.name], completed=min(share, 1.0), description=said)

    def done(self, step: Step, decision: Decision, entry: Mapping[str, Any]) -> None:
        title = step.title + _ENDINGS.get(decision.action, "")
        self._progress.update(self._tasks[step.name], completed=1.0, description=title)
        if not console.is_terminal:
            took = f"{entry['seconds']:.1f} s" if decision.action is Action.RUN else decision.reason
            console.print(f"{step.title}: {took}")
        facts = {k: v for k, v in entry.items() if k not in ("parts", "key")}
        self.results.append({**decision.as_dict(), "title": step.title, "facts": facts})


def run_with_progress(
    run: RunFolder,
    targets: Sequence[str],
    *,
    force: bool = False,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """Run steps under progress bars, print the time of each at the end, and return what became of each."""
    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(bar_width=34),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    # bars are for those who watch; elsewhere each step has a line when it ends
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bars = _Bars(progress)
        execute(run, targets, force=force, options=options, connect=connected, events=bars)
    if len(bars.results) > 1:
        _print_times(bars.results)
    return bars.results


def _print_times(results: Sequence[Mapping[str, Any]]) -> None:
    table = Table("step", "seconds", "peak memory, MB", title="Time by step", title_justify="left")
    total = 0.0
    for found in results:
        facts, ran = found["facts"], found["action"] == Action.RUN
        total += facts["seconds"] if ran else 0
        said = f"{facts['seconds']:.1f}" if ran else "done before" if facts else "left out"
        table.add_row(found["title"], said, f"{facts['peak_memory_mb']:,}" if facts else "")
    peak = max((f["facts"].get("peak_memory_mb", 0) for f in results), default=0)
    table.add_row("all", f"{total:.1f}", f"{peak:,}")
    console.print(table)


def print_decisions(decisions: Sequence[Decision], targets: Sequence[str] | None = None) -> None:
    """Print of each step whether it would run, and why; `targets` are those that the study asks for."""
    table = Table("step", "", "why", box=SIMPLE, pad_edge=False)
    for d in decisions:
        asked = targets is None or d.step.name in targets
        reason = d.reason if asked else f"{d.reason}; not asked for by the study"
        table.add_row(command_of(d.step.name), f"[{_STYLES[d.action]}]{d.action}[/]", reason)
    console.print(table)


def print_table(frame: pd.DataFrame, *, title: str) -> None:
    """Print a data frame, floats with three decimals."""
    table = Table(
        *map(str, frame.columns),
        title=title,
        title_justify="left",
        box=SIMPLE,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for row in frame.itertuples(index=False):
        table.add_row(*(("" if pd.isna(v) else f"{v:.3f}") if isinstance(v, float) else str(v) for v in row))
    console.print(table)
