"""Which steps go stale, against a model that knows nothing of hashes: it compares the texts themselves."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from smgee.io import atomic_path
from smgee.study import Study
from smgee.workflow.artifacts import Artifact
from smgee.workflow.folder import RunFolder
from smgee.workflow.run import Events, execute
from smgee.workflow.step import Option, Step, plan


def text(name: str, *, optional: bool = False) -> Artifact[str]:
    def write(value, path, provenance):
        with atomic_path(path) as scratch:
            scratch.write_text(value)

    return Artifact(name, lambda path: path.read_text(), write, optional=optional)


A, B, C, D, E = text("a.txt"), text("b.txt"), text("c.txt"), text("d.txt", optional=True), text("e.txt")
FILES = ["a.txt", "b.txt", "c.txt", "d.txt", "e.txt"]


OUT = {"one": ["a.txt"], "two": ["b.txt"], "three": ["c.txt", "d.txt"], "four": ["e.txt"]}
BEFORE = {"one": [], "two": ["one"], "three": ["one"], "four": ["two", "three"]}


class Killed(BaseException):
    """What a signal does to a step."""


class Machine(RuleBasedStateMachine):
    """Five files, four steps, two settings, one option, one file of the user's."""

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp())
        self.source = self.folder / "source.txt"
        self.source.write_text("0")
        self.seed, self.folds = 0, 2
        self.kill = False
        self.ran: list[str] = []
        # the model: what each step saw and wrote when it last ended, in full
        self.seen: dict[str, dict] = {}
        self.wrote: dict[str, dict] = {}
        self.steps = [
            Step(
                "one",
                "One",
                self.one,
                writes=(A,),
                settings=("training.seed",),
                inputs=lambda study: [self.source],
                standalone=True,
            ),
            Step("two", "Two", self.two, reads=(A,), writes=(B,), settings=("training.folds",)),
            Step("three", "Three", self.three, reads=(A,), writes=(C, D)),
            Step(
                "four",
                "Four",
                self.four,
                reads=(B, C),
                may_read=(D,),
                writes=(E,),
                options=(Option("word", str, "a word"),),
            ),
        ]

    def teardown(self):
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    # --- the steps: several inputs may give one output, so that a change can end there

    def one(self, work):
        work.write(A, f"{work.study.training.seed // 2} {self.source.read_text()}")
        return {}

    def two(self, work):
        content = work.read(A)
        if self.kill:
            work.write(B, "half")
            raise Killed
        work.write(B, f"{content} {work.study.training.folds // 3}")
        return {}

    def three(self, work):
        content = work.read(A)
        work.write(C, content.upper())
        if content.startswith("1"):
            work.write(D, "there")
        else:
            work.drop(D)
        return {}

    def four(self, work):
        parts = [work.read(B), work.read(C), work.read_if_there(D), work.option("word", "none")]
        work.write(E, " ".join(map(str, parts)))
        return {}

    # --- the model

    def now(self, name, word=None):
        content = {f: self.text_of(f) for f in FILES}
        return {
            "one": lambda: (self.seed, self.source.read_text()),
            "two": lambda: (content["a.txt"], self.folds),
            "three": lambda: (content["a.txt"],),
            "four": lambda: (content["b.txt"], content["c.txt"], content["d.txt"], word),
        }[name]()

    def text_of(self, name):
        path = self.folder / "run" / name
        return path.read_text() if path.exists() else None

    def is_stale(self, name, word=None):
        if name not in self.seen or self.seen[name] != self.now(name, word):
            return True
        return any(self.text_of(f) != t for f, t in self.wrote[name].items() if t is not None)

    def stale_or_waiting(self):
        found = []
        for name in OUT:
            if self.is_stale(name) or any(b in found for b in BEFORE[name]):
                found.append(name)
        return found

    # --- what a user may do

    @rule(value=st.integers(0, 3))
    def set_seed(self, value):
        self.seed = value

    @rule(value=st.integers(2, 5))
    def set_folds(self, value):
        self.folds = value

    @rule(value=st.sampled_from("01"))
    def edit_source(self, value):
        self.source.write_text(value)

    @rule(name=st.sampled_from(FILES), value=st.sampled_from(["x", "y", None]))
    def edit_file(self, name, value):
        path = self.folder / "run" / name
        if path.exists():
            path.unlink() if value is None else path.write_text(value)

    @rule(word=st.sampled_from([None, None, "hello"]), killed=st.booleans())
    def run_all(self, word, killed):
        self.kill = killed
        run = self.run_folder()
        expected = []
        self.ran = []
        machine = self

        class Watch(Events):
            def start(self, step, decision):
                if machine.is_stale(step.name, word if step.name == "four" else None):
                    expected.append(step.name)
                if decision.action == "run":
                    machine.ran.append(step.name)
                    machine.before = machine.now(step.name, word if step.name == "four" else None)
                    machine.seen.pop(step.name, None)

            def done(self, step, decision, entry):
                if decision.action == "run":
                    machine.seen[step.name] = machine.before
                    machine.wrote[step.name] = {f: machine.text_of(f) for f in OUT[step.name]}

        try:
            execute(run, steps=self.steps, options={"four": {"word": word}}, events=Watch())
        except Killed:
            assert killed
        self.kill = False
        assert self.ran == expected

    @invariant()
    def the_plan_is_right(self):
        if not hasattr(self, "folder") or not (self.folder / "run").exists():
            return
        decisions = plan(self.steps, self.run_folder())
        assert [d.step.name for d in decisions if d.action != "keep"] == self.stale_or_waiting()
        for d in decisions:
            if d.action == "may run":  # only what is not stale by itself waits for others
                assert d.reason.startswith("depends on")

    def run_folder(self):
        demo = Study.demo()
        training = demo.training.model_copy(update={"seed": self.seed, "folds": self.folds})
        return RunFolder(self.folder / "run", demo.model_copy(update={"training": training}))


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)


def test_a_step_of_its_own_needs_nothing_else(tmp_path):
    """Adding a step takes one `Step`; nothing in the engine names any."""
    run = RunFolder(tmp_path / "run", Study.demo())
    alone = Step("alone", "Alone", lambda work: work.write(A, "x") or {}, writes=(A,))
    assert [d.action for d in execute(run, steps=[alone])] == ["run"]
    assert [d.action for d in execute(run, steps=[alone])] == ["keep"]


def test_a_step_that_leaves_its_file_out_is_not_done(tmp_path):
    from smgee.errors import MissingDataError

    run = RunFolder(tmp_path / "run", Study.demo())
    lazy = Step("lazy", "Lazy", lambda work: {}, writes=(A,))
    with pytest.raises(MissingDataError, match=r"ended without a\.txt"):
        execute(run, steps=[lazy])
    assert run.entry("lazy") is None
    assert plan([lazy], RunFolder(tmp_path / "run"))[0].reason == "begun and never ended"
