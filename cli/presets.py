"""Listing what videos can be encoded as."""

from __future__ import annotations

from vfi.encode import available_presets, find_ffmpeg


def list_presets() -> str:
    """Say which presets the ffmpeg of this machine can write: tries each, which takes seconds."""
    ffmpeg = find_ffmpeg()
    lines = [
        f"{preset.name:<17} {', '.join(suffix[1:] for suffix in preset.suffixes):<14} "
        f"{encoder.name:<14} {preset.purpose}"
        for preset, encoder in available_presets(ffmpeg)
    ]
    return "\n".join([*lines, f"with {ffmpeg}"])
