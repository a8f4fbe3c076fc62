"""The file formats that can be written, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import InputError


@dataclass(frozen=True)
class Container:
    """A file format that can be written.

    Attributes:
        muxer: ffmpeg's name of it, for ``-f``.
        audio_codecs: what is copied into it; anything else becomes AAC. Some formats admit more
            than players can be expected to play (Vorbis in mp4), which is left out.
        options: further output options.
        movflags: flags of the mp4 family.
    """

    muxer: str
    audio_codecs: frozenset[str]
    options: tuple[str, ...] = ()
    movflags: tuple[str, ...] = ()


_COMMON_AUDIO = frozenset({"aac", "ac3", "alac", "eac3", "mp3"})
_PCM = frozenset({"pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_f32le"})

CONTAINERS: Mapping[str, Container] = {
    ".mp4": Container(
        muxer="mp4",
        audio_codecs=_COMMON_AUDIO | {"flac", "opus"},
        # ffmpeg before 4.4 calls FLAC and Opus in mp4 experimental.
        options=("-strict", "experimental"),
        movflags=("+faststart",),
    ),
    ".mov": Container(
        muxer="mov",
        audio_codecs=_COMMON_AUDIO | _PCM,
        movflags=("+faststart",),
    ),
    ".mkv": Container(
        muxer="matroska",
        audio_codecs=_COMMON_AUDIO
        | (_PCM - {"pcm_s24be"})
        | {"dts", "flac", "mp2", "opus", "truehd", "tta", "vorbis", "wavpack"},
    ),
}


def find_container(path: Path) -> Container:
    """Return the format that the extension of ``path`` names.

    Raises:
        InputError: there is none of that name.
    """
    try:
        return CONTAINERS[path.suffix.lower()]
    except KeyError as error:
        raise InputError(
            f"{path}: expected a name that ends in {', '.join(CONTAINERS)}, "
            f"got {path.suffix or 'no extension'!r}. Choose one of these."
        ) from error
