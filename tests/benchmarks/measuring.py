"""What benchmarks measure with: the peak of memory, and an embedded Earth Engine that remembers nothing."""

from __future__ import annotations

import gc
import threading

from smgee.cache import KEPT
from smgee.eelocal.assets import geotiff


class PeakMemory:
    """The greatest resident memory while it runs, above that at its start, MiB; asked every 5 ms."""

    def __enter__(self) -> PeakMemory:
        gc.collect()
        self._start = self._peak = self._resident()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.above = (self._peak - self._start) / 2**20

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self._peak = max(self._peak, self._resident())

    @staticmethod
    def _resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096


def forget() -> None:
    """Drop what the embedded Earth Engine keeps of earlier requests: pixels, plans and open files."""
    KEPT.clear()
    geotiff.close_datasets()
