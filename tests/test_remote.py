"""Each kind of failure gets its own answer."""

from __future__ import annotations

import ee
import pytest

from smgee.errors import RemoteError
from smgee.remote import PayloadTooLarge, TooBig, Transient, call, in_parts


class Service:
    """Fails with the given messages, one per call, then answers."""

    def __init__(self, *messages: str):
        self.messages = list(messages)
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.messages:
            raise ee.EEException(self.messages.pop(0))
        return 42


@pytest.mark.parametrize(
    "message",
    [
        "Quota exceeded for quota metric 'Number of read requests'",
        "Internal error",
        "Too many concurrent aggregations.",
    ],
)
def test_transient_failures_are_repeated(message):
    service = Service(message, message)
    assert call(service, wait_s=0.001) == 42
    assert service.calls == 3


def test_repeating_ends():
    service = Service(*["Internal error"] * 10)
    with pytest.raises(Transient):
        call(service, attempts=3, wait_s=0.001)
    assert service.calls == 3


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("User memory limit exceeded.", TooBig),
        ("Computation timed out.", TooBig),
        ("Request payload size exceeds the limit: 10485760 bytes.", PayloadTooLarge),
        ("Image.select: Band pattern 'x' did not match any bands.", RemoteError),
    ],
)
def test_permanent_failures_are_not_repeated(message, kind):
    service = Service(message)
    with pytest.raises(kind) as caught:
        call(service, wait_s=0.001)
    assert type(caught.value) is kind
    assert service.calls == 1


def test_work_is_split_until_it_fits():
    sizes = []

    def function(batch):
        sizes.append(len(batch))
        if len(batch) > 3:
            raise ee.EEException("User memory limit exceeded.")
        return [x * 10 for x in batch]

    assert in_parts(list(range(11)), function) == [x * 10 for x in range(11)]
    assert sizes == [11, 5, 2, 3, 6, 3, 3]
    assert in_parts([], function) == []


def test_what_cannot_be_split_fails():
    def function(batch):
        raise ee.EEException("Computation timed out.")

    with pytest.raises(TooBig):
        in_parts([1, 2], function)
