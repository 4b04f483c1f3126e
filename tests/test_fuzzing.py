"""A few thousand broken requests and files (tests/fuzzing.py): refused in a sentence, never an accident."""

from __future__ import annotations

import pytest

import smgee
from tests.fuzzing import READERS, fuzz_reader, fuzz_service, record_requests


def test_broken_requests_are_never_an_accident(tmp_path):
    with smgee.connect(store=tmp_path / "store") as session:
        requests = record_requests(session)
        assert len(requests) > 15
        counts, faults = fuzz_service(session.service, requests, 1200, seed=7)
    assert faults == []
    assert counts["400"] > 200
    assert counts["200"] > 20


@pytest.mark.parametrize("name", READERS)
def test_broken_files_are_read_or_refused(name, tmp_path):
    counts, faults = fuzz_reader(name, tmp_path, 80, seed=7)
    assert faults == []
    # What is left of a task's record is no task: the list of tasks goes without it.
    assert counts["refused"] > 0 or name == "record of a task"
