"""What is done again, when and why; what is damaged or belongs to others is refused."""

from __future__ import annotations

import shutil

import pytest
import xarray as xr
from typer.testing import CliRunner

from smgee.errors import InputError, MissingDataError, ParityError
from smgee.study import Study
from smgee.workflow.folder import RunFolder
from smgee.workflow.registry import WHOLE, all_steps
from smgee.workflow.run import execute
from smgee.workflow.step import plan
from smgee_cli.app import app, main


def test_finished_steps_are_not_done_again(run, study):
    before = run.manifest["steps"]["predict"]["finished"]
    result = CliRunner().invoke(app, ["predict", "--run", str(run.path)], catch_exceptions=False)
    assert result.exit_code == 0
    assert RunFolder(run.path).manifest["steps"]["predict"]["finished"] == before


def stale(run, **options) -> list[str]:
    found = plan(all_steps().values(), run, WHOLE, options=options)
    return [d.step.name for d in found if d.action != "keep"]


def test_a_step_is_done_only_for_the_files_and_the_study_it_was_made_of(run):
    """A changed file makes its step and the later ones stale; so does another route."""
    assert stale(run) == []
    assert stale(run, predict={"route": "classifier"}) == [
        "predict",
        "layers",
        "compare_routes",
        "zonal",
        "mean_map",
        "validate",
        "truth",
        "report",
        "publish",
    ]
    file = run / "models" / "models.json"
    kept = file.read_text(encoding="utf-8")
    try:
        file.write_text(kept.replace('"best"', '"other"'), encoding="utf-8")
        assert stale(run)[:4] == ["train", "explain", "uncertainty", "predict"]
    finally:
        file.write_text(kept, encoding="utf-8")
    assert stale(run) == []


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("stations.nc", "sample"),
        ("unfrozen.csv", "sample"),
        ("samples.parquet", "train"),
        ("models/models.json", "explain"),
        ("maps.zarr/.zattrs", "zonal"),
        ("maps/season_mean.tif", "report"),
        ("scores.csv", "report"),
        ("zonal.csv", "validate"),
        ("smap.csv", "validate"),
        ("validation_36km.csv", "report"),
        ("heterogeneity.csv", "report"),
        ("parity.json", "report"),
    ],
)
@pytest.mark.parametrize("how", ["cut", "flipped"])
def test_a_damaged_file_is_told_in_a_sentence(run, name, step, how):
    """Cut short or with one byte changed, no file goes into a later step."""
    file = run / name
    kept = file.read_bytes()
    middle = len(kept) // 2
    hurt = kept[:middle] if how == "cut" else kept[:middle] + bytes([kept[middle] ^ 1]) + kept[middle + 1 :]
    folder = RunFolder(run.path)
    try:
        file.write_bytes(hurt)
        with pytest.raises(InputError, match=r"is damaged or was edited; run `smgee .*` again"):
            execute(folder, [step], force=True)
    finally:
        file.write_bytes(kept)
    assert folder.entry(step) == run.entry(step), "refused before anything was forgotten"


def test_maps_of_another_model_are_not_passed_off(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "mixed")
    mixed = RunFolder(tmp_path / "mixed")
    execute(mixed, ["train"], options={}, force=True)  # the same again
    study = mixed.study.model_copy(
        update={"training": mixed.study.training.model_copy(update={"models": ("RF",)})}
    )
    mixed = RunFolder(tmp_path / "mixed", study)
    execute(mixed, ["train"])
    for step in ("zonal", "report"):
        with pytest.raises(InputError, match=r"was made from another models than the one there now"):
            execute(RunFolder(tmp_path / "mixed"), [step], force=True)


def test_a_deleted_table_is_made_again(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "again")
    before = (tmp_path / "again" / "zonal.csv").read_bytes()
    (tmp_path / "again" / "zonal.csv").unlink()
    result = CliRunner().invoke(app, ["zonal", "--run", str(tmp_path / "again")], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "again" / "zonal.csv").read_bytes() == before


def test_two_runs_do_not_share_a_folder(study, tmp_path):
    with (
        RunFolder(tmp_path, study).writing(),
        pytest.raises(InputError, match="Another process"),
        RunFolder(tmp_path).writing(),
    ):
        pass
    with RunFolder(tmp_path).writing():
        pass


def test_a_dry_run_does_nothing_and_says_what_it_would(run, study, tmp_path):
    study.to_yaml(tmp_path / "study.yml")
    words = ["run", str(tmp_path / "study.yml"), "--out", str(tmp_path / "dry"), "--dry-run"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0
    assert "never done here" in result.output
    assert "route auto takes" in result.output
    assert not (tmp_path / "dry").exists()


def test_stations_of_a_study_are_its_first_step(run, study, tmp_path):
    study.to_yaml(tmp_path / "study.yml")
    result = CliRunner().invoke(
        app, ["stations", str(tmp_path / "study.yml"), "--out", str(tmp_path / "r")], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    first, second = (xr.open_dataset(p / "stations.nc")["soil_moisture"] for p in (run.path, tmp_path / "r"))
    xr.testing.assert_identical(first, second)
    assert RunFolder(tmp_path / "r").manifest["steps"].keys() == {"stations"}
    with pytest.raises(InputError, match=r"settings of its own for --flags, --min-hours"):
        CliRunner().invoke(
            app,
            [
                "stations",
                str(tmp_path / "study.yml"),
                "--out",
                str(tmp_path / "r"),
                "--flags",
                "G",
                "--min-hours",
                "2",
            ],
            catch_exceptions=False,
        )


def test_steps_ask_for_what_they_need(tmp_path, capsys, monkeypatch):
    Study.demo().to_yaml(tmp_path / "r" / "study.yml")
    monkeypatch.setattr("sys.argv", ["smgee", "validate", "--run", str(tmp_path / "r")])
    with pytest.raises(SystemExit) as stopped:
        main()
    said = capsys.readouterr().err
    assert stopped.value.code == MissingDataError.exit_code
    assert said.startswith("smgee: ")
    assert "smgee smap" in said
    assert "Traceback" not in said
    assert ParityError.exit_code != MissingDataError.exit_code


def test_trouble_with_files_is_a_sentence(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["smgee", "demo", "--out", "/dev/null/x"])
    with pytest.raises(SystemExit) as stopped:
        main()
    said = capsys.readouterr().err
    assert stopped.value.code == 74
    assert said.startswith("smgee: /dev/null")
