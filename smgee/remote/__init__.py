"""Everything smgee asks of Earth Engine goes through here, so that each kind of failure gets its answer.

- `errors`: the kinds of failure, and the sorting of any exception of the client's into one of them.
- `calls`: one request, repeated where a failure goes away by itself.
- `split`: work that was too big, done in smaller parts.
- `storage`: files into Cloud Storage.
- `tasks`: waiting for exports and imports.
- `ledger`: what was asked and sent, counted.
- `transport`: requests over HTTP, and the counting of them.
"""

from smgee.errors import RemoteError
from smgee.remote.calls import call
from smgee.remote.errors import (
    AccessDenied,
    LoginRequired,
    NotFound,
    Outage,
    PayloadTooLarge,
    QuotaSpent,
    Throttled,
    TooBig,
    Transient,
    classify,
    is_remote,
)
from smgee.remote.ledger import LEDGER, Ledger, Spent
from smgee.remote.split import in_parts, run_split
from smgee.remote.storage import bucket_uploader, check_bucket
from smgee.remote.tasks import (
    TaskState,
    TaskStatus,
    known_tasks,
    run_task,
    wait_for_task,
    wait_for_tasks,
)

__all__ = [
    "LEDGER",
    "AccessDenied",
    "Ledger",
    "LoginRequired",
    "NotFound",
    "Outage",
    "PayloadTooLarge",
    "QuotaSpent",
    "RemoteError",
    "Spent",
    "TaskState",
    "TaskStatus",
    "Throttled",
    "TooBig",
    "Transient",
    "bucket_uploader",
    "call",
    "check_bucket",
    "classify",
    "in_parts",
    "is_remote",
    "known_tasks",
    "run_split",
    "run_task",
    "wait_for_task",
    "wait_for_tasks",
]
