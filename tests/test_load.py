"""Some clients at once on a server of their own (tests/load.py): the answers of one alone, and no error."""

from __future__ import annotations

from pathlib import Path

from tests.load import run


def test_many_clients_get_the_answers_of_one(tmp_path: Path) -> None:
    outcome = run(16, 4, tmp_path)
    answers = outcome.answers
    assert answers.faults == {}
    assert set(answers.seconds) >= {"tile", "pixels", "features"}
    assert sum(map(len, answers.seconds.values())) > 30
    assert max(outcome.memory) < 2000
    assert (
        outcome.stopped_s < 10
    )  # it ends without finishing what nobody waits for: some 3 s, more under load
