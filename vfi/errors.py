"""Errors of the frame, time and file layer.

::

    VfiError
    ├── InputError (ValueError)     an option or an input of the user is wrong
    └── MediaError                  a file or a tool did not do its part
        ├── DecodeError             a video or image could not be read
        └── EncodeError             an encoder, or the disk, refused the output
            └── MissingFramesError  what other processes wrote is not there, or not yet

A message begins with the file or option it is about, and says what is wrong and what to do next;
``expected <x>, got <y>`` only where that is clearest.
"""

import errno

_LONGEST_QUOTE = 60  # characters
_ADVICE = {
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.ENOSPC: "Make room on the disk.",
    errno.EDQUOT: "Make room on the disk.",
    errno.EMFILE: "Too many files are open: close other programs, or raise the limit.",
    errno.ENFILE: "Too many files are open: close other programs, or raise the limit.",
    errno.EIO: "Is the disk still connected?",
}


def advice_on(error: Exception) -> str:
    """Say what to do where the system refuses to read or write a file."""
    default = "Choose another folder, or change its permissions."
    return _ADVICE.get(getattr(error, "errno", None) or 0, default)


def blame(error: BaseException, otherwise: str) -> str:
    """Say what is to blame for an error of FFmpeg: a lack of memory, or else what is expected."""
    # FFmpeg answers EAGAIN where it can start no thread.
    if getattr(error, "errno", None) not in (errno.ENOMEM, errno.EAGAIN):
        return otherwise
    return (
        f"there was not enough memory ({getattr(error, 'strerror', error)}). Close other programs, or "
        "allow this one more (ulimit -v)."
    )


def quoted(text: str) -> str:
    """Show what somebody typed, as much of it as a message has room for."""
    return repr(text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}...")


class VfiError(Exception):
    """Root of everything this package raises on purpose."""

    # Programs name an error by this and the class. Python's own value has, in ComfyUI, the path of
    # the pack's folder in it: a line of text that would stand before every message.
    __module__ = "vfi"

    def __init_subclass__(cls) -> None:
        """Let every kind of error go by the name of the package."""
        cls.__module__ = VfiError.__module__

    def __str__(self) -> str:
        """Return the message; what no text file can hold, as of a name that is not UTF-8, is spelled out.

        ComfyUI writes errors to a log, and one that cannot be written ends its worker: no prompt is run
        any more.
        """
        return super().__str__().encode("utf-8", "backslashreplace").decode()


class InputError(VfiError, ValueError):
    """An option or an input of the user is wrong; the message says how to put it right."""


class MediaError(VfiError):
    """A file could not be read or written."""


class DecodeError(MediaError):
    """A video or an image exists but cannot be decoded."""


class EncodeError(MediaError):
    """The output could not be written."""


class MissingFramesError(EncodeError):
    """Frames that other processes wrote are not there, or cannot be seen yet."""
