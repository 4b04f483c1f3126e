"""A notebook run in a kernel that stays alive, so that tests can ask it what it made and fetch the tiles
it serves.
"""

from __future__ import annotations

import ast
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import zmq
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from traitlets import Type

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
CELL_TIMEOUT_S = 900

# Beside the layers themselves: where the map looks.
_LAYERS = """
{
    "center": list(Map.center),
    "zoom": int(Map.zoom),
    "layers": [
        {"name": x.name, "url": x.url, "opacity": x.opacity}
        for x in Map.layers
        if "127.0.0.1" in getattr(x, "url", "")
    ],
}
"""


class WakefulChannel(AsyncZMQSocketChannel):
    """A channel whose sending never loses what arrives meanwhile.

    Sending takes in all that has arrived without telling the loop, which goes on waiting for a reply that is
    there until its time is up; widgets of a notebook answer just while their cell ends. After sending, a
    socket has to be asked for its events (zmq_getsockopt(3), ZMQ_FD), and the loop learns of it.
    """

    def send(self, msg: dict[str, Any]) -> None:
        super().send(msg)
        self.socket.get(zmq.EVENTS)


class _Client(AsyncKernelClient):
    shell_channel_class = Type(WakefulChannel)


class _Manager(AsyncKernelManager):
    client_factory = Type(_Client)


class Run:
    """An executed notebook and its living kernel; `wall_s` and `processor_s` are what it took."""

    def __init__(self, client: NotebookClient, wall_s: float, processor_s: float):
        self._client = client
        self.wall_s, self.processor_s = wall_s, processor_s
        self.cells = {cell["id"]: cell for cell in client.nb.cells}

    def text(self, cell: str) -> str:
        """Return what a cell printed and showed, as plain text."""
        parts = []
        for output in self.cells[cell]["outputs"]:
            parts.append(
                output["text"] if output["output_type"] == "stream" else output["data"].get("text/plain", "")
            )
        return "\n".join(parts)

    def kinds(self, cell: str) -> set[str]:
        """Return the MIME types that a cell showed."""
        return {kind for output in self.cells[cell]["outputs"] for kind in output.get("data", {})}

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression in the kernel; it has to survive JSON."""
        cell = nbformat.v4.new_code_cell(f"import json as _json\n_json.dumps({expression.strip()})")
        self._client.nb.cells.append(cell)
        self._client.execute_cell(cell, len(self._client.nb.cells) - 1)
        (text,) = [o["data"]["text/plain"] for o in cell["outputs"] if o["output_type"] == "execute_result"]
        return json.loads(ast.literal_eval(text))

    def save(self, path: Path) -> None:
        """Write the notebook with its outputs."""
        nbformat.write(nbformat.v4.new_notebook(cells=list(self.cells.values())), path)

    def map(self) -> dict[str, Any]:
        """Return centre, zoom and the layers that the embedded service draws of the notebook's `Map`."""
        return self.evaluate(_LAYERS)

    def exact_layer(self, image: str, vis: Mapping[str, Any]) -> dict[str, str]:
        """Return a layer of an image in the kernel whose tiles are PNG: opaque tiles are JPEG otherwise,
        with inexact colours.
        """
        return {
            "url": self.evaluate(
                f"ee.Image({image}).getMapId({dict(vis) | {'format': 'png'}})['tile_fetcher'].url_format"
            )
        }


@contextmanager
def run_notebook(path: Path, folder: Path) -> Iterator[Run]:
    """Run every cell of a notebook in a folder of its own, and keep its kernel until the block ends.

    Stores, settings and temporary files are fresh; only the synthetic basin's cache is the user's, because it
    costs time and cannot change results.
    """
    with run_notebooks([path], folder) as runs:
        yield runs[path.stem]


@contextmanager
def run_notebooks(paths: Sequence[Path], folder: Path) -> Iterator[dict[str, Run]]:
    """Run notebooks one after the other in one folder and one kernel, which forgets all names in between;
    it lives until the block ends, with the names of the last.
    """
    environment = {**os.environ}
    for name in ("SMGEE_STORE", "TMPDIR", "IPYTHONDIR"):
        target = folder / name.lower()
        target.mkdir(parents=True)
        environment[name] = str(target)
    client = NotebookClient(
        nbformat.v4.new_notebook(),
        timeout=CELL_TIMEOUT_S,
        kernel_name="python3",
        kernel_manager_class=_Manager,
    )
    runs = {}
    with client.setup_kernel(cwd=str(folder), env=environment):
        for path in paths:
            client.nb = nbformat.read(path, as_version=4)
            client.reset_execution_trackers()
            if runs:
                _forget(client)
            processor, began = _processor_s(client), time.perf_counter()
            for number, cell in enumerate(list(client.nb.cells)):
                client.execute_cell(cell, number)
            took = time.perf_counter() - began
            runs[path.stem] = Run(client, took, _processor_s(client) - processor)
        yield runs


def _forget(client: NotebookClient) -> None:
    """Let the kernel forget every name of the notebook before."""
    _aside(client, "%reset -f")


def _processor_s(client: NotebookClient) -> float:
    """Return the processor time of the kernel and its children until now."""
    cell = _aside(client, "import os as _os\nsum(_os.times()[:4])")
    (text,) = [o["data"]["text/plain"] for o in cell["outputs"] if o["output_type"] == "execute_result"]
    return float(text)


def _aside(client: NotebookClient, code: str) -> nbformat.NotebookNode:
    """Run a cell that is not the notebook's."""
    cell = nbformat.v4.new_code_cell(code)
    own, client.nb = client.nb, nbformat.v4.new_notebook(cells=[cell])
    client.execute_cell(cell, 0)
    client.nb = own
    return cell
