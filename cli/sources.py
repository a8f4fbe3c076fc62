"""Which clips a command line names, and opening them."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from vfi.errors import InputError
from vfi.files import VIDEO_SUFFIXES, list_media
from vfi.jobs import find_clip_seams, joined
from vfi.preprocess import describe_seams
from vfi.read import Clip, open_folder, open_video
from vfi.tracks import AudioMode, SourceTracks

from .options import InterpolateOptions, OutputOptions, SourceOptions

_MOST_NAMED = 3  # parts
_NUMBER = re.compile(r"([0-9]+)")
_NO_MORE = "subtitles and chapters of the parts are left out"


def list_sources(source: SourceOptions, output: OutputOptions) -> list[Path]:
    """List the clips; a folder of videos stands for the videos in it. Of joined ones, the first."""
    if source.img:
        return [source.img]
    if source.join:
        return [source.join[0]]
    sources: list[Path] = []
    for path in source.video:
        sources += _videos_in(path) if path.is_dir() else [path]
    if len(sources) > 1 and output.output:
        raise InputError(
            f"--output {output.output} names one result, but there are {len(sources)} inputs. "
            "Name a folder for the results with --out-dir."
        )
    return sources


def _videos_in(folder: Path) -> list[Path]:
    videos = list_media(folder, VIDEO_SUFFIXES)
    if not videos:
        raise InputError(
            f"{folder}: there is no video in this folder. "
            "To read a folder of numbered images, use --img."
        )
    return videos


def open_clip(path: Path, source: SourceOptions, output: OutputOptions) -> Clip:
    """Look at a clip; nothing is read yet."""
    trim, alpha = (source.start, source.end), output.keeps_alpha
    if source.img:
        return open_folder(path, source.image_rate, *trim, alpha=alpha)
    if source.source_fps:
        raise InputError(
            f"--source-fps requires --img: the video {path} has a frame rate of its own. Remove it."
        )
    return open_video(path, *trim, alpha=alpha, may_refer=True)


def with_parts(options: InterpolateOptions) -> InterpolateOptions:
    """Name the files to be joined: a folder stands for the videos in it, as their numbers go.

    Raises:
        InputError: it is one only, or a folder has none.
    """
    files = tuple(
        file
        for path in options.source.join
        for file in (sorted(_videos_in(path), key=_counted) if path.is_dir() else [path])
    )
    if len(files) == 1:
        raise InputError(
            f"--join takes two videos or more, and {files[0]} is one. Name the others after it, or use "
            "--video."
        )
    return replace(options, source=replace(options.source, join=files))


def _counted(path: Path) -> list[str | int]:
    """Order names as people count: part 2 before part 10."""
    return [int(piece) if n % 2 else piece for n, piece in enumerate(_NUMBER.split(path.name))]


@contextmanager
def open_joined(options: InterpolateOptions) -> Generator[Clip | None, None, None]:
    """Make one clip of the parts of ``--join``; None where nothing is joined.

    Raises:
        InputError: the parts do not go together.
        DecodeError: one cannot be read.
    """
    parts = options.source.join
    if not parts:
        yield None
        return
    how, output = options.joining, options.output
    opened = [open_video(path, alpha=output.keeps_alpha, may_refer=True) for path in parts]
    clips, seams = find_clip_seams(opened, how.overlap, how.match)
    has_more = any(
        clip.tracks and (clip.tracks.subtitles or clip.tracks.chapters) for clip in clips
    )
    notes = [*describe_seams(seams), *([_NO_MORE] if has_more else [])]
    is_silent = output.audio is AudioMode.NONE or output.png_only
    listen = _to_nothing if is_silent else _to_the_default
    with joined(clips, seams, how.match, listen=listen) as clip:
        yield replace(clip, name=_name(parts), notes=(*clip.notes, *notes))


def _to_the_default(tracks: SourceTracks) -> int | None:
    return tracks.heard


def _to_nothing(_: SourceTracks) -> None:
    return None


def _name(parts: Sequence[Path]) -> str:
    more = len(parts) - _MOST_NAMED
    named = parts if more < 2 else parts[:_MOST_NAMED]
    return " + ".join([*map(str, named), *([f"{more} more"] if more >= 2 else [])])
