"""The errors and warnings that this package raises on purpose.

Each message says which value was wrong, what is allowed and what to do. A user
interface shows them without a traceback; anything else is a fault of ours.
"""


class VdsrError(Exception):
    """Anything that went wrong for a reason we can name."""


class InputError(VdsrError, ValueError):
    """An argument or an image cannot be used as it is given."""


class FileError(VdsrError, OSError):
    """A file cannot be read or written."""


class ModelError(VdsrError):
    """A model is unknown, damaged or of a kind that cannot be used here."""


class FetchError(ModelError):
    """The weights of a model could not be fetched or verified."""


class Cancelled(VdsrError):
    """The user stopped the work; nothing half-done is left behind."""


class VdsrWarning(UserWarning):
    """Something went on differently from what was asked for."""
