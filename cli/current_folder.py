"""Ends the process at import where the current folder has been removed: torch would, without a reason.

It is imported first, before anything that imports torch.
"""

import sys
from pathlib import Path

try:
    Path.cwd()
except OSError as error:
    sys.exit(
        f"error: The current folder cannot be used ({error.strerror}). Change to another one with cd, and "
        "start again."
    )
