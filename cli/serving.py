"""The end of commands that serve until they are told to stop."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import NoReturn

_STOPS = (signal.SIGINT, signal.SIGTERM)
_PATIENCE_S = 1.0  # for threads that are about to end
_serving = False


def stop_on_signals() -> None:
    """Begin to serve: let what service managers send (SIGTERM) end this process as Ctrl-C does.

    Once it ends, no further signal disturbs that. Ctrl-C stays ignored where it is, as in background jobs of
    a shell.
    """
    global _serving
    _serving = True

    def stop(_: int, __: FrameType | None) -> None:
        for each in _STOPS:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    for each in _STOPS:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, stop)


def leave(code: int) -> NoReturn:
    """End the program; where it served, without waiting for threads that are still at work.

    The interpreter would wait for pools of threads, which compute answers to clients that are gone: with 64
    large requests at work that took a minute. Files are written beside their place and renamed, so that
    nothing is left half-written.
    """
    if _serving:
        until = time.monotonic() + _PATIENCE_S
        for thread in threading.enumerate():
            if thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))
        if threading.active_count() > 1:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    sys.exit(code)
