"""The error tree of smgee.

Every error a user can meet says, in one plain sentence, what was received, what is allowed and what to do.
The command line prints that sentence alone and exits with `exit_code`; a traceback is a bug of smgee.
"""


class SmgeeError(Exception):
    """Base of every error that smgee raises on purpose.

    Parameters
    ----------
    message : str
        One sentence: what was received, what is allowed, what to do.
    """

    exit_code = 1


class InputError(SmgeeError, ValueError):
    """A file, column, value or option of the user's cannot be used as it is."""

    exit_code = 2


class MissingDataError(SmgeeError):
    """The input is well formed, but holds nothing to work on (an empty window, no valid pixel, no
    station).
    """

    exit_code = 3


class UnsupportedError(SmgeeError):
    """The request is meaningful, but smgee does not do it; the sentence names what it does instead."""

    exit_code = 4


class ParityError(SmgeeError):
    """Two ways to the same numbers disagree by more than the tolerance."""

    exit_code = 5


class RemoteError(SmgeeError):
    """Earth Engine refused a request for good, or kept failing after all the retries it deserved."""

    exit_code = 6
