"""Errors of the embedded Earth Engine, which become HTTP answers."""

from __future__ import annotations

from smgee.errors import SmgeeError


class EEError(SmgeeError):
    """A request that Earth Engine would refuse, with the message it would give.

    Parameters
    ----------
    message : str
        What the client shows to the user.
    code : int
        HTTP status.
    status : str
        The canonical status name of Google's APIs.
    """

    def __init__(self, message: str, *, code: int = 400, status: str = "INVALID_ARGUMENT"):
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status

    def prefixed(self, function: str) -> EEError:
        """Return the error with the failing function's name in front, once, as Earth Engine reports it."""
        if self.message.startswith(f"{function}:") or getattr(self, "named", False):
            return self
        error = EEError(f"{function}: {self.message}", code=self.code, status=self.status)
        error.named = True  # type: ignore[attr-defined]
        return error

    def in_map(self, index: str | None) -> EEError:
        """Return the error as Earth Engine reports it for an element of a mapped collection, with the
        element's index.
        """
        error = EEError(f"Error in map(ID={index}):\n{self.message}", code=self.code, status=self.status)
        error.named = True  # type: ignore[attr-defined]
        return error


class NotFoundError(EEError):
    """An asset or operation that is not there."""

    def __init__(self, message: str):
        super().__init__(message, code=404, status="NOT_FOUND")


class UnsupportedAlgorithmError(EEError):
    """An algorithm, or a case of one, that the embedded Earth Engine does not compute."""

    def __init__(self, name: str, why: str = "is not implemented in the embedded Earth Engine"):
        super().__init__(
            f"{name} {why}; see COVERAGE.md, or connect to the real service for it.", status="UNIMPLEMENTED"
        )
        self.named = True
