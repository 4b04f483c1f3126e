"""`smgee serve` and `smgee doctor` as users run them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import ee
import pytest

import smgee
from smgee.eelocal.assets.catalog import add_files

MAIN = [sys.executable, "-c", "from smgee_cli.app import main; main()"]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_serve_until_interrupted(sent: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text("name,lon,lat\na,99.5,37.2\n")
    add_files(tmp_path / "cat", "projects/my-project/assets/points", [tmp_path / "points.csv"])
    # Jobs in the background of a script ignore Ctrl-C, and so would the server.
    heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    command = [
        *MAIN[:2],
        heeding + MAIN[2],
        "serve",
        "--port",
        "0",
        "--catalog",
        str(tmp_path / "cat"),
        "--store",
        str(tmp_path / "store"),
        "--project",
        "my-project",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, ExitStack() as stop:
        stop.callback(server.kill)
        assert server.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
        assert found is not None
        with smgee.connect("embedded", url=found[0], project="my-project"):
            assert ee.FeatureCollection("projects/my-project/assets/points").size().getInfo() == 1
            ee.data.createFolder("projects/my-project/assets/made")
        server.send_signal(sent)
        assert server.wait(20) == 0
    assert (tmp_path / "store" / "my-project" / "made" / ".asset.json").exists()


def test_doctor_looks_but_never_shows_credentials(tmp_path: Path) -> None:
    environment = {**os.environ, "EARTHENGINE_TOKEN": "very-secret", "SMGEE_STORE": str(tmp_path)}
    done = subprocess.run([*MAIN, "doctor"], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "earthengine-api" in done.stdout
    assert "1 + 1 = 2" in done.stdout
    assert "EARTHENGINE_TOKEN set" in done.stdout
    assert "very-secret" not in done.stdout + done.stderr


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [*MAIN, "serve", "--bucket", "no-folder", "--store", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "smgee: The bucket 'no-folder' is not of the form NAME=FOLDER.\n"
