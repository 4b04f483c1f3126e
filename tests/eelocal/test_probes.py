"""The open questions that `smgee doctor --live` asks of both backends."""

from __future__ import annotations

import pytest

from smgee.doctor.probes import PROBES, Probe, answers_agree, ask

pytestmark = pytest.mark.usefixtures("embedded")


def test_every_question_has_its_own_key() -> None:
    assert len({p.key for p in PROBES}) == len(PROBES)
    assert all(p.question.endswith("?") for p in PROBES)
    assert all((p.assumed is not None) == p.catalog for p in PROBES)


@pytest.mark.parametrize("probe", [p for p in PROBES if not p.catalog], ids=lambda p: p.key)
def test_the_embedded_backend_answers(probe: Probe) -> None:
    """With the same answer each time; a refusal, where that is the answer, names the reason."""
    first = ask(probe)
    assert answers_agree(ask(probe), first)
    assert "internal error" not in str(first)


def test_answers_are_compared_as_numbers() -> None:
    assert answers_agree({"a": [1, 2.0000001]}, {"a": [1.0, 2]})
    assert not answers_agree({"a": [1, 2.1]}, {"a": [1.0, 2]})
    assert not answers_agree({"a": 1}, {"b": 1})
    assert not answers_agree(True, 1.5)
