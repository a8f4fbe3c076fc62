"""ComfyUI entry point."""

from __future__ import annotations

import logging
import re

WEB_DIRECTORY = "./web"  # help pages; named here, as [tool.comfy] would have it served twice
_OLDEST = "0.22.0"  # its VIDEO tells the trim window; the same as in pyproject.toml


def _host_version() -> str | None:
    """Return the version of the running ComfyUI; None before 0.3.11, which did not tell it."""
    try:
        from comfyui_version import __version__
    except ImportError:
        return None
    return __version__


def _is_too_old(version: str | None) -> bool:
    """Compare with the oldest; a version that is no numbers, as of a fork, gets its chance."""
    numbers = re.findall(r"\d+", version or "0")
    return bool(numbers) and [int(n) for n in numbers] < [int(n) for n in _OLDEST.split(".")]


try:
    import folder_paths  # noqa: F401  probe: every ComfyUI has it, nothing else does
except ModuleNotFoundError as error:
    if error.name != "folder_paths":
        raise  # ComfyUI is there but broken: let it say so
else:
    if _is_too_old(_host_version()):
        logging.getLogger(__name__).error(
            "Practical-RIFE: expected ComfyUI %s or later, got %s. Its nodes are left out: update "
            "ComfyUI and restart it.",
            _OLDEST,
            _host_version() or "one that does not tell its version",
        )
        NODE_CLASS_MAPPINGS = {}  # no nodes: without a list, ComfyUI would complain about that
    else:
        from .nodes import comfy_entrypoint  # noqa: F401
