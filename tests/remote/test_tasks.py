"""Tasks are awaited to their end, good or bad."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import ee
import pytest

import smgee
from smgee.errors import RemoteError
from smgee.remote import TaskState, known_tasks, wait_for_task, wait_for_tasks


@pytest.fixture
def session(tmp_path: Path) -> Iterator[smgee.Session]:
    with smgee.connect(sources=[], store=tmp_path) as session:
        yield session


def submit(session, run) -> str:
    """Give the service a task that does what `run` does, and return its id."""
    operation = session.service.operations.submit(session.project, "EXPORT_IMAGE", run, description="maps")
    return operation.name.rsplit("/", 1)[-1]


def held(until: threading.Event):
    """A task that runs until the event is set, and notices that it is cancelled."""

    def run(progress):
        while not until.wait(0.01):
            progress(0.5)

    return run


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("READY", TaskState.PENDING),
        ("PENDING", TaskState.PENDING),
        ("RUNNING", TaskState.RUNNING),
        ("COMPLETED", TaskState.SUCCEEDED),
        ("SUCCEEDED", TaskState.SUCCEEDED),
        ("CANCEL_REQUESTED", TaskState.CANCEL_REQUESTED),
        ("CANCELLING", TaskState.CANCEL_REQUESTED),
        ("CANCELLED", TaskState.CANCELLED),
        ("FAILED", TaskState.FAILED),
        ("UNKNOWN", TaskState.UNKNOWN),
        ("SOMETHING_NEW", TaskState.UNKNOWN),
    ],
)
def test_both_namings_of_states_are_understood(name, state):
    assert TaskState.parse(name) is state
    assert state.is_active == (state in ("PENDING", "RUNNING"))


def test_a_task_is_awaited(session):
    seen: list[TaskState] = []
    enough = threading.Event()

    def progress(status):
        seen.append(status.state)
        if len(seen) > 2:
            enough.set()

    status = wait_for_task(submit(session, held(enough)), progress=progress, pause_s=0.02)
    assert status.state is TaskState.SUCCEEDED
    assert status.description == "maps"
    assert TaskState.RUNNING in seen
    assert seen[-1] is TaskState.SUCCEEDED


def test_a_task_that_fails_is_told_with_its_reason(session):
    def fail(progress):
        raise smgee.InputError("There are no bands.")

    with pytest.raises(RemoteError, match=r"^Exporting x ended as FAILED: There are no bands\.$"):
        wait_for_task(submit(session, fail), what="Exporting x")


def test_a_task_whose_cancellation_hangs_is_not_awaited_for_ever(session):
    release = threading.Event()
    task = submit(session, lambda progress: release.wait(20))  # deaf to its cancellation
    while wait_for_tasks([task], stop=is_set())[0].state is TaskState.PENDING:
        pass
    ee.data.cancelOperation(f"projects/{session.project}/operations/{task}")
    with pytest.raises(RemoteError, match=r"The task maps ended as CANCEL_REQUESTED: no reason was given\.$"):
        wait_for_task(task)
    release.set()


def test_a_task_that_the_service_does_not_know_is_told(session):
    with pytest.raises(RemoteError, match="ended as UNKNOWN"):
        wait_for_task("ABCDEF")


def test_several_tasks_are_awaited_to_the_last(session):
    def fail(progress):
        raise smgee.InputError("No.")

    never = threading.Event()
    ids = [submit(session, run) for run in (fail, lambda progress: None, held(never))]
    looks = []

    def progress(statuses):
        looks.append([s.state for s in statuses])
        if all(not s.is_active for s in looks[-1][:2]):
            never.set()

    ended = wait_for_tasks(ids, progress=progress)
    assert [s.state for s in ended] == [TaskState.FAILED, TaskState.SUCCEEDED, TaskState.SUCCEEDED]
    assert [s.id for s in ended] == ids
    assert looks[-1] == [s.state for s in ended]


def is_set() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


def test_waiting_can_be_stopped(session):
    release = threading.Event()
    task = submit(session, held(release))
    stop = threading.Event()
    timer = threading.Timer(0.1, stop.set)
    timer.start()
    (status,) = wait_for_tasks([task], stop=stop, pause_s=30)
    assert status.state.is_active
    release.set()
    timer.join()


class Interrupted(threading.Event):
    """Waiting for it ends as by Ctrl-C."""

    def wait(self, timeout: float | None = None) -> bool:
        raise KeyboardInterrupt


def test_an_interruption_names_what_goes_on_without_us(session, caplog):
    release = threading.Event()
    task = submit(session, held(release))
    with caplog.at_level(logging.WARNING), pytest.raises(KeyboardInterrupt):
        wait_for_task(task, stop=Interrupted())
    assert f"Still running on Earth Engine: {task} (`earthengine task cancel ID`)." in caplog.text
    release.set()
    assert wait_for_task(task).state is TaskState.SUCCEEDED


def test_of_tasks_with_one_description_the_newest_is_known(session):
    def fail(progress):
        raise smgee.InputError("There are no bands.")

    wait_for_tasks([submit(session, lambda progress: None)])
    newest = submit(session, fail)
    wait_for_tasks([newest])
    status = known_tasks()["maps"]
    assert (status.id, status.state, status.message) == (newest, TaskState.FAILED, "There are no bands.")
