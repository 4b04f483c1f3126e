"""Files into Cloud Storage, from where alone Earth Engine ingests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from smgee.errors import InputError
from smgee.late import ee
from smgee.remote.calls import call
from smgee.remote.errors import AccessDenied, NotFound


def bucket_uploader(
    bucket: str, *, folder: Path | None = None, project: str | None = None
) -> Callable[[Path], str]:
    """Return the function that brings a file into a Cloud Storage bucket and returns its URI.

    Parameters
    ----------
    bucket : str
        Name of the bucket.
    folder : path, optional
        The local folder that stands for it, on the embedded backend (``smgee.connect(buckets={bucket:
        folder})``).
    project : str, optional
        The Cloud project that pays, for a real bucket; it is reached with the login of Earth Engine.
    """

    def copy(file: Path) -> str:
        assert folder is not None
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / file.name)
        return f"gs://{bucket}/{file.name}"

    def upload(file: Path) -> str:
        blob = call(lambda: _client(project).bucket(bucket).blob(file.name))
        call(lambda: blob.upload_from_filename(str(file)))
        return f"gs://{bucket}/{file.name}"

    return upload if folder is None else copy


def check_bucket(bucket: str, *, project: str | None = None) -> None:
    """Refuse a bucket that is not there, or that this login may not write to.

    Raises
    ------
    InputError
        With a sentence that says what to change.
    RemoteError
        When Cloud Storage cannot be asked.
    """
    needed = ["storage.objects.create", "storage.objects.delete"]  # the second to replace a file
    try:
        granted = call(lambda: _client(project).bucket(bucket).test_iam_permissions(needed), attempts=2)
    except (NotFound, AccessDenied) as error:
        raise InputError(
            f"The Cloud Storage bucket {bucket!r} does not exist, or not for this login; create it, or give "
            "one of yours."
        ) from error
    if set(granted) != set(needed):
        raise InputError(
            f"This login may not write to the Cloud Storage bucket {bucket!r} (it lacks "
            f"{', '.join(sorted(set(needed) - set(granted)))}); give one of yours."
        )


def _client(project: str | None) -> Any:
    """Return a client of Cloud Storage with the login of Earth Engine, whose scopes include it."""
    from google.cloud import storage

    if os.environ.get("STORAGE_EMULATOR_HOST"):
        return storage.Client(project=project)  # without a login
    return storage.Client(project=project, credentials=ee.data.get_persistent_credentials())
