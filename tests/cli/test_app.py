"""The command line as a whole: quick to answer, the same codes always, JSON for machines."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from smgee import errors
from smgee.study import Study
from smgee.workflow.folder import RunFolder
from smgee_cli.app import COMMANDS, app, main
from smgee_cli.codes import EXIT_CODES

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
    assert "validate" in words
    result = CliRunner().invoke(app, ["status", str(tmp_path / "r"), "--json"], catch_exceptions=False)
    found = json.loads(result.stdout)
    assert found["ok"] is True
    assert found["result"]["steps"][0] == {
        "step": "stations",
        "action": "run",
        "reason": "never done here",
    }


def test_an_error_as_json(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["smgee", "status", str(tmp_path / "none"), "--json"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == errors.InputError.exit_code
    out, err = capsys.readouterr()
    assert json.loads(out)["error"] == "InputError"
    assert err.startswith("smgee: ")


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
