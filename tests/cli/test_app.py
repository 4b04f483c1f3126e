"""The command line as a whole: quick to answer, the same codes always, JSON for machines."""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import subprocess
import sys
from itertools import pairwise

import pytest
import typer
from typer.testing import CliRunner

from smgee import errors
from smgee.study import Study
from smgee.workflow.folder import RunFolder
from smgee_cli.app import COMMANDS, app, main
from smgee_cli.codes import EXIT_CODES
from smgee_cli.guide import GUIDES, next_step

CATALOG = ("add", "list", "remove", "check")
HEAVY = {"ee", "numpy", "pandas", "xarray", "numba", "sklearn", "pydantic", "pyproj", "shapely", "rasterio"}


@pytest.mark.parametrize("arguments", [["--help"], ["--version-of-nothing"]])
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import sys; from smgee_cli.app import app\n"
        f"try: app({arguments!r})\nexcept SystemExit: pass\n"
        f"print('LOADED', sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("LOADED []")


def test_help_names_every_command_and_code():
    said = " ".join(CliRunner().invoke(app, ["--help"]).output.split())
    for name in COMMANDS:
        assert f"│ {name} " in said, name
    for code in EXIT_CODES:
        assert f" {code} " in said


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_loads_and_gives_json(name):
    result = CliRunner().invoke(app, [name, "--help"])
    assert result.exit_code == 0, result.output
    if name == "catalog":
        result = CliRunner().invoke(app, [name, "list", "--help"])
    assert "--json" in result.output


def test_every_error_has_its_code():
    kinds = {getattr(errors, n) for n in dir(errors) if n.endswith("Error")}
    kinds = {k for k in kinds if isinstance(k, type) and issubclass(k, errors.SmgeeError)}
    codes = [k.exit_code for k in kinds]
    assert len(set(codes)) == len(codes)
    assert set(codes) | {0, 70, 74, 130} == set(EXIT_CODES)


def test_status_in_words_and_as_json(tmp_path):
    with RunFolder(tmp_path / "r", Study.demo()).writing():
        pass
    words = CliRunner().invoke(app, ["status", str(tmp_path / "r")], catch_exceptions=False).output
    assert "never done here" in words
    study = tmp_path / "r" / "study.yml"
    assert words.splitlines()[-1] == f"Next: smgee run {study} --out {tmp_path / 'r'}"
    assert "validate" in words
    result = CliRunner().invoke(app, ["status", str(tmp_path / "r"), "--json"], catch_exceptions=False)
    found = json.loads(result.stdout)
    assert found["ok"] is True
    assert found["result"]["steps"][0] == {
        "step": "stations",
        "action": "run",
        "reason": "never done here",
    }


def failure_of(monkeypatch, capsys, *words) -> tuple[dict, str, int]:
    """What a command that fails prints on stdout with ``--json``, its words on stderr, and its code."""
    monkeypatch.setattr("sys.argv", ["smgee", *map(str, words), "--json"])
    with pytest.raises(SystemExit) as stopped:
        main()
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["ok"] is False
    assert found["exit_code"] == stopped.value.code != 0
    assert found["kind"] == EXIT_CODES[stopped.value.code]
    assert found["message"]
    return found, err, stopped.value.code


STEP_COMMANDS = (
    *("sample", "train", "explain", "uncertainty", "smap", "static", "predict", "layers", "compare-routes"),
    *("zonal", "mean-map", "validate", "truth", "report", "export", "publish"),
)
# arguments by command, none of which can be done; `none` is a path that does not exist
FAILING: dict[str, list[str]] = {
    **{name: ["--run", "none"] for name in STEP_COMMANDS},
    "demo": ["--out", "/dev/null/x"],
    "init": ["--stations", "none"],
    "run": ["none"],
    "plan": ["none"],
    "status": ["none"],
    "stations": ["none", "--out", "out"],
    "smap ingest": ["none", "--collection", "projects/p/assets/c"],
    "map": ["none", "--model", "none", "--day", "2021-07-01", "--out", "m.tif"],
    "parity": ["none"],
    "endmembers": ["none", "--out", "out"],
    "view": ["none"],
    "files": ["--run", "none", "--netcdf", "x.nc"],
    "stac": ["--run", "none"],
    "edges": ["none"],
    "catalog add": ["X/Y", "none", "--catalog", "c"],
    "catalog list": ["--catalog", "none"],
    "catalog remove": ["X/Y", "--catalog", "none"],
    "catalog check": ["--catalog", "none"],
    "verify": ["projects/p/assets/none"],
    "experiment": ["--networks", "0"],
    "serve": ["--bucket", "none"],
    "doctor": ["--catalog", "none"],
}


@pytest.mark.parametrize(
    "name", [*(n for n in COMMANDS if n != "catalog"), *(f"catalog {n}" for n in CATALOG)]
)
def test_every_command_tells_its_failure_as_json(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found, err, code = failure_of(monkeypatch, capsys, *name.split(), *FAILING[name])
    assert found["command"] == name
    assert code not in (70, 130)
    assert err.splitlines()[-1] == f"smgee: {found['message']}"
    wrong = failure_of(monkeypatch, capsys, *name.split(), "--no-such-option")
    assert wrong[0]["error"] == "NoSuchOption"


class Odd(Exception):
    """An error that nobody expects."""


@pytest.mark.parametrize(
    ("raised", "error", "code", "said"),
    [
        (errors.MissingDataError("No rows."), "MissingDataError", 3, "No rows."),
        (errors.RemoteError("Refused."), "RemoteError", 6, "Refused."),
        (PermissionError(13, "Permission denied", "x.nc"), "PermissionError", 74, "x.nc cannot be read"),
        (Odd("really"), "Odd", 70, "an error that should not happen (Odd: really)"),
        (KeyboardInterrupt(), "Interrupted", 130, "run the same command again"),
        (typer.BadParameter("not this"), "BadParameter", 2, "not this"),
        (typer.Abort(), "Abort", 2, "a question was left without an answer"),
    ],
)
def test_every_kind_of_failure_as_json(raised, error, code, said, tmp_path, monkeypatch, capsys):
    def fail(*args, **kwargs):
        print("on the way")
        raise raised

    monkeypatch.setattr("smgee_cli.status.RunFolder", fail)
    found, err, stopped = failure_of(monkeypatch, capsys, "status", tmp_path)
    assert (found["error"], stopped) == (error, code)
    assert found["command"] == "status"
    assert said in found["message"]
    assert err.startswith("on the way")
    assert said in err


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["status"], "MissingParameter"),
        (["no-such-command"], "UsageError"),
        (["run", "study.yml", "--publish=perhaps"], "BadOptionUsage"),
        (["--no-such-option"], "NoSuchOption"),
    ],
)
def test_usage_errors_as_json(words, error, monkeypatch, capsys):
    found, err, code = failure_of(monkeypatch, capsys, *words)
    assert (found["error"], code) == (error, 2)
    assert "─ Error ─" in err


def test_the_traceback_does_not_change_the_code(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["smgee", "--debug", "status", str(tmp_path / "none")])
    with pytest.raises(SystemExit) as stopped:
        main()
    out, err = capsys.readouterr()
    assert stopped.value.code == errors.InputError.exit_code
    assert "Traceback" in err
    assert out == ""


def test_steps_without_earth_engine_do_not_connect(tmp_path, monkeypatch):
    """The real service needs credentials; a report does not."""
    demo = Study.demo()
    real = demo.model_copy(
        update={
            "backend": demo.backend.model_copy(update={"kind": "earthengine", "project": "my-project"}),
            "stations": demo.stations.model_copy(update={"source": "archive"}),
        }
    )
    with RunFolder(tmp_path, real).writing():
        names = [f"{m}{end}" for m in ("r", "bias", "rmse", "ubrmse") for end in ("", "_low", "_high")]
        row = ",".join(["RF", "station", *["0.5"] * len(names), "9"])
        (tmp_path / "scores.csv").write_text(f"model,design,{','.join(names)},n\n{row}\n")

    def refuse(*args, **kwargs):
        raise AssertionError("connected")

    monkeypatch.setattr("smgee.workflow.connection.connect", refuse)
    assert CliRunner().invoke(app, ["report", "--run", str(tmp_path)], catch_exceptions=False).exit_code == 0
    assert "RF" in (tmp_path / "report.html").read_text()


def test_publishing_is_asked_for_on_the_real_service(tmp_path):
    from smgee_cli.run import wanted

    demo = Study.demo()
    real = demo.model_copy(update={"backend": demo.backend.model_copy(update={"kind": "earthengine"})})
    assert "publish" in wanted(RunFolder(tmp_path / "a", demo), None)
    assert wanted(RunFolder(tmp_path / "b", real), None)[-1] == "report"
    assert wanted(RunFolder(tmp_path / "b", real), True)[-1] == "publish"
    off = demo.model_copy(update={"publish": demo.publish.model_copy(update={"enabled": False})})
    assert "publish" not in wanted(RunFolder(tmp_path / "c", off), None)


@pytest.mark.parametrize("name", [*sorted(COMMANDS), *(f"catalog {name}" for name in CATALOG)])
def test_every_help_has_examples_that_can_be_typed(name):
    """Options and arguments of the examples exist, and the help ends with what comes next."""
    guide = GUIDES[name]
    group = typer.main.get_group(app)
    typed = " ".join(line.removesuffix("\\") for line in guide.examples).split("smgee ")[1:]
    assert typed
    for line in typed:
        assert line.startswith(name + " ") or line.strip() == name, line
        words = shlex.split(line)
        context = group.make_context("smgee", list(words))
        found, command, rest = group.resolve_command(context, words)
        assert command.make_context(found, rest, parent=context)
    for line in guide.examples:
        assert len(line) <= 76, line
    said = CliRunner().invoke(app, [*name.split(), "--help"]).output
    assert all(line.split()[-1] in said for line in guide.examples)
    assert said.split("Next: ")[1].split() == (guide.example_next or guide.next).split()


@pytest.mark.parametrize("name", [*sorted(COMMANDS), *(f"catalog {name}" for name in CATALOG)])
def test_help_breaks_lines_where_the_terminal_does(name):
    """No line of a description is short of words that would have had room in it."""
    said = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "80"}).output
    described = said.split("╭")[0].split("Usage:")[1].split("\n")[1:]
    for line, following in pairwise(described):
        if line.strip() and following.strip():
            assert len(line.rstrip()) + 1 + len(following.split()[0]) > 78, line


@pytest.mark.parametrize("name", sorted(GUIDES))
def test_what_comes_next_can_be_typed(name):
    """The commands after `Next:` exist, with those options and arguments."""
    group = typer.main.get_group(app)
    filled = re.sub(r"\{(\w+)\}", r"\1", f"{GUIDES[name].next}\n{GUIDES[name].example_next}")
    for line in re.findall(r"\bsmgee ([a-z][^,;\n]*)", filled):
        words = shlex.split(line)
        context = group.make_context("smgee", list(words))
        found, command, rest = group.resolve_command(context, words)
        assert command.make_context(found, rest, parent=context)


def test_a_wrong_example_would_be_noticed():
    group = typer.main.get_group(app)
    with pytest.raises(Exception, match="No such option"):
        group.get_command(None, "status").make_context("status", ["runs/mine", "--colour", "red"])


def test_what_comes_next_names_what_was_given(tmp_path):
    assert next_step("predict", {"run": "runs/a"}) == "smgee zonal --run runs/a"
    assert next_step("smap ingest", {"study": None}) == ""
    assert next_step("no such command", {}) == ""
    given = ["init", "--lon", "99.8", "--lat", "37.5", "--start", "2021-05-01", "--end", "2021-06-01"]
    said = CliRunner().invoke(app, [*given, "--out", str(tmp_path / "a.yml")], catch_exceptions=False).output
    assert said.splitlines()[-1] == f"Next: smgee init --check {tmp_path / 'a.yml'}"
    quiet = [*given, "--out", str(tmp_path / "b.yml"), "-q"]
    assert CliRunner().invoke(app, quiet, catch_exceptions=False).output == ""
    found = CliRunner().invoke(app, [*given, "-o", str(tmp_path / "c.yml"), "-q", "--json"]).stdout
    assert json.loads(found)["next"] == f"smgee init --check {tmp_path / 'c.yml'}"


def test_more_is_said_when_asked(tmp_path):
    logger = logging.getLogger("smgee")
    before = logger.level
    try:
        for flag, level in (("-v", logging.INFO), ("-vv", logging.DEBUG)):
            CliRunner().invoke(
                app, ["init", "--schema", str(tmp_path / "s.json"), flag], catch_exceptions=False
            )
            assert logger.level == level
    finally:
        logger.setLevel(before)


def test_the_shell_completes_options_of_a_command():
    """Commands load late; completion has to reach through to their options."""
    words = "smgee predict --rou"
    asked = {"_SMGEE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "2"}
    code = "from smgee_cli.app import app; app(prog_name='smgee')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | asked
    )
    assert "--route" in done.stdout


def test_the_routes_of_a_run_are_not_looked_for_under_parity():
    result = CliRunner().invoke(app, ["parity", "--run", "runs/mine"])
    assert isinstance(result.exception, errors.InputError)
    assert "`smgee compare-routes --run runs/mine`" in str(result.exception)
