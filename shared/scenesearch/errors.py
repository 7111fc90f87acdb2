"""The one error tree.

The docstring of an error is its default message. A message says what was wrong, with which input,
and what to do. The pipeline acts on two branches only: `Retryable` work is delivered again,
`Permanent` work is ended with its reason.
"""

import errno

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says (`OSError.errno`) when a disk, a quota or a file is as full as it may be: `StorageFull` for us."""


class SceneSearchError(Exception):
    """Something went wrong in scenesearch."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class Retryable(SceneSearchError):
    """This may work when it is tried again."""


class Permanent(SceneSearchError):
    """Trying again will not help."""


class ConfigurationError(Permanent):
    """A setting is missing or wrong."""


class InvalidRequest(Permanent):
    """The request cannot be understood: correct it and ask again."""


class InvalidMessage(Permanent):
    """A message does not fit its schema."""


class InvalidSpan(Permanent):
    """A span must start at zero or later and end after it starts."""


class NotSignedIn(Permanent):
    """Sign in first: this request names no caller that can be verified."""


class NotAllowed(Permanent):
    """This caller may not do that."""


class UnreadableMedia(Permanent):
    """This file cannot be read as a video."""


class TooLarge(Permanent):
    """This is larger than the limit allows."""


class StorageFull(Permanent):
    """There is no space left: free some, then run `scenesearch retry`."""


class NotFound(Permanent):
    """There is no such thing."""


class ObjectNotFound(NotFound):
    """There is no such object at this generation."""


class VideoNotFound(NotFound):
    """There is no such video."""


class Gone(Permanent):
    """The video, or this generation of it, was removed while it was being worked on."""


class IndexMismatch(Permanent):
    """The index was built with another embedder: run `scenesearch reindex`."""


class Busy(Retryable):
    """Somebody else is at this work."""


class Overloaded(Retryable):
    """Too many are asking for this at once: try again in a few seconds."""


class Unavailable(Retryable):
    """A service did not answer."""


class Outage(Unavailable):
    """A service takes no requests just now, whatever they are: work waits for it and is not held responsible."""


class Cancelled(Permanent):
    """Nobody waits for this any more: nothing more is done for it."""


class ModelError(Retryable):
    """A model did not give a usable answer."""


class Blocked(Permanent):
    """The model's safety rules refused this content."""


class Skipped(Permanent):
    """There is nothing here to extract."""
