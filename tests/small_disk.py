"""A disk of a few kilobytes, for what happens when it is full or may not be written to.

The disk is one in memory, mounted for a forked process alone; where that is not allowed, tests are skipped.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Disk", "on_small_disk"]

_NEWNS, _NEWUSER = 0x00020000, 0x10000000
_RDONLY, _REMOUNT, _REC, _PRIVATE = 1, 32, 16384, 1 << 18
_NOT_ALLOWED = 77


class Disk:
    """The disk, seen by the process that has it: mounted at `path`."""

    def __init__(self, path: Path):
        self.path = path
        self._libc = ctypes.CDLL(None, use_errno=True)

    def mount(self, kilobytes: int, flags: int = 0) -> None:
        """Mount it, or change its size."""
        options = f"size={kilobytes}k".encode()
        if self._libc.mount(b"tmpfs", bytes(self.path), b"tmpfs", flags, options):
            raise OSError(ctypes.get_errno(), "mount")

    def resize(self, kilobytes: int) -> None:
        """Give it another size."""
        self.mount(kilobytes, _REMOUNT)

    def protect(self) -> None:
        """Let nobody write to it from now on."""
        self.mount(1 << 20, _REMOUNT | _RDONLY)

    def fill(self, *, leave: int = 0) -> None:
        """Fill it up to so many bytes."""
        file = os.open(self.path / "filler", os.O_CREAT | os.O_WRONLY)
        with contextlib.suppress(OSError):
            while True:
                os.write(file, b"\0" * 4096)
        os.ftruncate(file, max(os.fstat(file).st_size - leave, 0))
        os.close(file)

    def enter(self) -> None:
        """Make mounts of this process its own."""
        root = os.getuid() == 0
        ids = os.getuid(), os.getgid()
        if self._libc.unshare(_NEWNS | (0 if root else _NEWUSER)):
            raise OSError(ctypes.get_errno(), "unshare")
        if not root:
            Path("/proc/self/setgroups").write_text("deny")
            for name, number in zip(("uid_map", "gid_map"), ids, strict=True):
                Path(f"/proc/self/{name}").write_text(f"0 {number} 1")
        if self._libc.mount(None, b"/", None, _REC | _PRIVATE, None):
            raise OSError(ctypes.get_errno(), "mount")


def on_small_disk(folder: Path, work: Callable[[Disk], Any], *, kilobytes: int = 256) -> Any:
    """Return what `work` returns (JSON) in a forked process, given a new disk at `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            disk = Disk(folder)
            try:
                disk.enter()
                disk.mount(kilobytes)
            except OSError:
                code = _NOT_ALLOWED
                return None
            os.write(into, json.dumps(work(disk)).encode())
            code = 0
        except BaseException:
            os.write(into, traceback.format_exc()[-3000:].encode())
        finally:
            os._exit(code)
    os.close(into)
    with open(out, "rb") as pipe:
        said = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == _NOT_ALLOWED:
        pytest.skip("this process may not mount a disk of its own")
    assert code == 0, said.decode(errors="replace")
    return json.loads(said)
