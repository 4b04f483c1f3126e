"""A headless Chromium, driven over its DevTools pipe: pages are opened, clicked, typed into and looked at.

No driver is needed: the browser reads commands from one file descriptor and answers on another (Chromium's
``--remote-debugging-pipe``), each message ended by a zero byte.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--no-proxy-server",
)


def find_browser() -> str:
    """Return the path of a Chromium; skips the test where there is none."""
    for name in BROWSERS:
        path = shutil.which(name)
        if path:
            return path
    pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the PATH")


class Browser:
    """One page in a browser of its own; a context manager.

    Parameters
    ----------
    folder : Path
        For the browser's profile.
    size : (int, int)
        Width and height of the window.

    Attributes
    ----------
    complaints : list of str
        Errors and warnings on the console, exceptions, and requests that failed.
    """

    def __init__(self, folder: Path, *, size: tuple[int, int] = (1280, 800)):
        self.complaints: list[str] = []
        self._number = 0
        self._rest = b""
        read_end, self._write = os.pipe()
        self._read, write_end = os.pipe()

        def dress() -> None:
            # 3 and 4 are where the browser expects the pipe; above them first, lest one overwrite the other
            source, target = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (read_end, write_end))
            os.dup2(source, 3)
            os.dup2(target, 4)

        command = [
            find_browser(),
            *FLAGS,
            f"--user-data-dir={folder / 'profile'}",
            "--remote-debugging-pipe",
        ]
        self._process = subprocess.Popen(
            [*command, f"--window-size={size[0]},{size[1]}", "about:blank"],
            preexec_fn=dress,
            close_fds=False,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_end)
        os.close(write_end)
        pages = self._ask("Target.getTargets")["targetInfos"]
        page = next(t["targetId"] for t in pages if t["type"] == "page")
        self._session = self._ask("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")
        width, height = size
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def open(self, url: str) -> None:
        """Go to a page."""
        self._ask("Page.navigate", url=url)

    def on_paper(self) -> None:
        """Lay pages out as for a printer."""
        self._ask("Emulation.setEmulatedMedia", media="print")

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression in the page; a promise is waited for."""
        found = self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise AssertionError(f"{script}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def wait(self, script: str, *, seconds: float = 60) -> Any:
        """Wait until an expression in the page is true, and return it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = self.evaluate(script)
            if value:
                return value
            time.sleep(0.1)
        raise AssertionError(f"{script} is not true after {seconds:g} s; the page said {self.complaints}")

    def click(self, x: float, y: float) -> None:
        """Click at a place in the window."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            buttons = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
            self._ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, **buttons)

    def press(self, key: str, code: int) -> None:
        """Press a key that is no letter, by its name and its virtual code."""
        for kind in ("rawKeyDown", "keyUp"):
            self._ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def picture(self, path: Path, *, whole: bool = False) -> Path:
        """Write what is seen, or with `whole` the whole page, as PNG."""
        data = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))
        return path

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(20)
        os.close(self._write)
        os.close(self._read)

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if hasattr(self, "_session"):
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]
            self._hear(answer)

    def _next(self, seconds: float = 120) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], seconds)
            part = os.read(self._read, 1 << 16) if ready else b""
            if not part:
                raise AssertionError("the browser does not answer")
            self._rest += part
        one, _, self._rest = self._rest.partition(b"\0")
        return json.loads(one)

    def _hear(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        kind = event.get("method")
        if kind == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(str([a.get("value", a.get("description")) for a in params["args"]]))
        elif kind == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"])[:500])
        elif kind == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif kind == "Network.loadingFailed" and not params.get("canceled"):
            self.complaints.append(f"a request failed: {params.get('errorText')}")
