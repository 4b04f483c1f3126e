"""The registered steps: what each depends on, against tables written by hand."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from smgee.study import Study
from smgee.workflow.folder import RunFolder
from smgee.workflow.registry import all_steps
from smgee.workflow.step import key_of, key_parts, plan

# step → the steps whose files it reads
BEFORE = {
    "stations": [],
    "sample": ["stations"],
    "train": ["sample"],
    "explain": ["train"],
    "uncertainty": ["sample", "train"],
    "smap": [],
    "static": [],
    "predict": ["stations", "train", "smap"],
    "layers": ["predict", "train", "uncertainty", "stations"],
    "compare_routes": ["train", "predict", "layers", "uncertainty"],
    "zonal": ["predict", "layers"],
    "mean_map": ["predict"],
    "validate": ["smap", "zonal", "stations", "static", "layers"],
    "truth": ["validate", "smap", "stations", "layers", "predict", "zonal"],
    "report": ["stations", "sample", "train", "explain", "predict", "mean_map", "compare_routes", "smap",
               "validate", "truth", "layers", "uncertainty"],
    "export": ["stations", "train", "smap"],
    "publish": ["mean_map", "train", "stations", "compare_routes", "static", "smap", "predict"],
}  # fmt: skip

# change of the study → the steps that read it themselves
CHANGES = {
    "seed": (("training", "seed", 7), {"stations", "train", "uncertainty", "validate", "truth"}),
    "deploy": (
        ("training", "deploy", "RF"),
        {"explain", "uncertainty", "predict", "layers", "compare_routes", "report", "publish", "export"},
    ),
    "coverage": (
        ("smap", "min_coverage", 0.5),
        {"smap", "static", "layers", "zonal", "validate", "truth", "report"},
    ),
    "route": (("upscale", "route", "classifier"), {"predict", "layers", "compare_routes"}),
    "layers": (("upscale", "layers", ["interval"]), {"uncertainty", "layers", "compare_routes"}),
    "layer_days": (("upscale", "layer_days", 3), {"layers"}),
    "level": (("upscale", "level", 0.8), {"uncertainty", "layers", "truth", "report"}),
    "days": (("upscale", "days", "daily"), {"predict", "export"}),
    "hours": (("stations", "min_hours", 12), {"stations"}),
    "folder": (("publish", "folder", "projects/my-project/assets/x"), {"publish"}),
}

# file → the step that wrote it
FILES = {
    "stations.nc": "stations",
    "unfrozen.csv": "stations",
    "samples.parquet": "sample",
    "scores.csv": "train",
    "models/models.json": "train",
    "shap/x": "explain",
    "uncertainty/x": "uncertainty",
    "layers.zarr/x": "layers",
    "zonal_left_out.parquet": "layers",
    "smap.csv": "smap",
    "cells.csv": "static",
    "maps.zarr/x": "predict",
    "parity.json": "compare_routes",
    "records.nc": "stations",
    "zonal.csv": "zonal",
    "zonal_3km.parquet": "zonal",
    "maps/season_mean.tif": "mean_map",
    "validation_36km.csv": "validate",
    "truth.csv": "truth",
    "references.parquet": "validate",
    "report.html": "report",
    "exports.csv": "export",
}


class Graph(RuleBasedStateMachine):
    """A finished run whose study and files change."""

    @initialize()
    def finish(self):
        self.folder = Path(tempfile.mkdtemp())
        self.changes: set[str] = set()
        self.edited: set[str] = set()
        self.steps = all_steps()
        run = RunFolder(self.folder, Study.demo())
        for name in FILES:
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_text(name)
        (self.folder / "figures").mkdir()
        with run.writing():
            for name, step in self.steps.items():
                parts = key_parts(step, run)
                written = {a.path: a.fingerprint(run.path, run.fingerprints) for a in step.writes}
                written = {k: v for k, v in written.items() if v is not None}
                run.finish(name, {"key": key_of(step, parts), "parts": parts, "writes": written})

    def teardown(self):
        shutil.rmtree(self.folder)

    @rule(change=st.sampled_from(sorted(CHANGES)))
    def change_the_study(self, change):
        self.changes ^= {change}

    @rule(name=st.sampled_from(sorted(FILES)))
    def edit(self, name):
        self.edited ^= {name}
        (self.folder / name).write_text("edited" if name in self.edited else name)

    @invariant()
    def those_and_no_others_are_stale(self):
        if not hasattr(self, "folder"):
            return
        content = Study.demo().model_dump(mode="json")
        stale = {FILES[name] for name in self.edited}
        for change in self.changes:
            (section, field, value), readers = CHANGES[change]
            content[section][field] = value
            stale |= readers
        for name, before in BEFORE.items():
            if stale.intersection(before):
                stale.add(name)
        decisions = plan(self.steps.values(), RunFolder(self.folder, Study.parse(content)))
        assert {d.step.name for d in decisions if d.action != "keep"} == stale


TestGraph = Graph.TestCase
TestGraph.settings = settings(max_examples=10, stateful_step_count=10, deadline=None)


def test_steps_come_after_what_they_read():
    made: set[str] = set()
    for step in all_steps().values():
        assert {a.path for a in step.reads} <= made, step.name
        made |= {a.path for a in step.writes}


def test_settings_exist():
    content = Study.demo().settings()
    for step in all_steps().values():
        for name in (*step.settings, *step.ignores):
            value = content
            for part in name.split("."):
                value = value[part]
