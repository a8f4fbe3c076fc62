"""What people are told of an error."""

from __future__ import annotations

import torch
from av.error import BlockingIOError as NoThreadError

from rife_arch import CatalogError, DownloadError, EvaluationError, RifeError, is_out_of_memory
from vfi.errors import InputError, VfiError, advice_on

EXIT_FAILED, EXIT_USAGE = 1, 2


def explain(error: Exception, memory_advice: str) -> str:
    """Say what is wrong and what to do.

    Args:
        error: whatever was raised.
        memory_advice: what to try when memory runs out.
    """
    if isinstance(error, RifeError | VfiError):
        return str(error)
    reason = str(error).split("\n", 1)[0]
    if isinstance(error, torch.OutOfMemoryError):
        return f"{reason} {memory_advice}"
    if is_out_of_memory(error) or _has_no_thread(error):
        return f"There is not enough memory ({reason or 'none is left'}). {memory_advice}"
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return f"{name}{error.strerror or reason}. {advice_on(error)}"
    return (
        f"{type(error).__name__}: {reason}. This should not happen. Run the command again with --debug, "
        "and report what it says."
    )


def exit_code(error: Exception) -> int:
    """Tell a wrong option or name from a job that failed."""
    is_name = isinstance(error, CatalogError) and not isinstance(error, DownloadError)
    is_option = isinstance(error, InputError | EvaluationError)
    return EXIT_USAGE if is_name or is_option else EXIT_FAILED


def _has_no_thread(error: Exception) -> bool:
    """Whether no thread could be started, for which there is not enough memory."""
    return isinstance(error, NoThreadError) or "can't start new thread" in str(error)
