"""The second stage of a video: segments become one file, with audio, subtitles, chapters and tags.

Frames are copied, not encoded again. The timestamps of a segment count from its own start; the list
that ffmpeg joins by says how long each lasts, as the difference of rounded starts, so that rounding
errors do not add up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from pathlib import Path

from ..encode import QUIET, Container, FrameFormat, RunningFFmpeg, file_url, find_container
from ..tracks import SourceTracks
from .segments import SegmentsFolder
from .stream_options import audio_options, input_options, kept_subtitles, subtitle_codec
from .subtitles import write_shown_subtitles

_LIST, _TAGS, _SUBTITLES = "segments.ffconcat", "tags.ffmetadata", "subtitles.partial"
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
# What mp4 has a field for. With any other name it needs a table of names, which fewer players read.
_TAGS_OF_MP4 = frozenset(
    {
        *("album", "album_artist", "artist", "comment", "composer", "copyright", "creation_time"),
        *("date", "description", "episode_id", "genre", "grouping", "lyrics", "network", "show"),
        *("synopsis", "title"),
    }
)


@dataclass(frozen=True)
class Mux:
    """How segments are joined and the other streams added; made by :func:`plan_mux`.

    Attributes:
        path: the video, as it will be named.
        container: its format.
        format: of its frames.
        tracks: what comes along, None for nothing.
        metadata: tags; they win over those of the source.
        audio: options that take its audio along.
        subtitles: numbers of its subtitle streams that are taken along.
    """

    path: Path
    container: Container
    format: FrameFormat
    tracks: SourceTracks | None
    metadata: Mapping[str, str]
    audio: Sequence[str] = ()
    subtitles: Sequence[int] = ()

    def start(self, folder: SegmentsFolder, target: Path) -> RunningFFmpeg:
        """Start ffmpeg, which writes the file and ends by itself."""
        lines = list_lines(folder, self.format.rate)
        (folder.path / _LIST).write_text("".join(lines), encoding="utf-8", newline="\n")
        lines = _metadata_lines(self._tags(), self.tracks)
        (folder.path / _TAGS).write_text("".join(lines), encoding="utf-8", newline="\n")
        if self._subtitles_are_moved:
            assert self.tracks
            write_shown_subtitles(self.tracks, self.subtitles, folder.path / _SUBTITLES)
        # ffmpeg takes the names in a list as relative to it, but not under every name of a folder.
        return RunningFFmpeg(self._command(target), self.path, folder.path)

    @property
    def _subtitles_are_moved(self) -> bool:
        return bool(self.subtitles and self.tracks and not self.tracks.is_unchanged)

    def _command(self, target: Path) -> list[str]:
        # igndts: decoding timestamps follow from the presentation timestamps and the codec's delay.
        # A segment of 1 or 2 frames has no delay, which would add a gap in front of it.
        inputs = [["-fflags", "+igndts", "-f", "concat", "-auto_convert", "0", "-i", _LIST]]
        options = ["-map", "0:v:0", "-c:v", "copy"]
        tag = self.container.codec_tags.get(self.format.encoder.codec)
        options += ["-tag:v", tag] if tag else []
        if self.tracks and (self.audio or self.subtitles):
            inputs.append(input_options(self.tracks))
            options += self.audio
        if self._subtitles_are_moved:
            inputs.append(["-i", _SUBTITLES])
        options += self._subtitle_options(len(inputs) - 1)
        inputs.append(["-f", "ffmetadata", "-i", _TAGS])
        number = str(len(inputs) - 1)
        options += ["-map_metadata", number, "-map_chapters", number, *self._file_options()]
        command = [self.format.ffmpeg, *QUIET, *(word for options in inputs for word in options)]
        return [*command, *options, "-f", self.container.muxer, file_url(target)]

    def _subtitle_options(self, number: int) -> list[str]:
        """Say which subtitles are taken; ``number`` is that of their input."""
        options: list[str] = []
        for kept, track in enumerate(self.subtitles):
            assert self.tracks
            source = kept if self._subtitles_are_moved else track
            codec = subtitle_codec(self.tracks.subtitles[track].codec, self.container)
            options += ["-map", f"{number}:s:{source}", f"-c:s:{kept}", codec]
        if self.subtitles and self.container.holds_fonts:
            options += ["-map", "1:t?", "-c:t", "copy"]
        return options

    def _file_options(self) -> list[str]:
        # Audio may begin long after the picture; without it ffmpeg 4.2 gives up after 128 packets.
        options = [*self.container.options, "-max_muxing_queue_size", "4096"]
        movflags = self.container.movflags
        if movflags and not {name for name, _ in self._tags()} <= _TAGS_OF_MP4:
            movflags += ("+use_metadata_tags",)  # or mp4 keeps a handful of known names only
        if movflags:
            options += ["-movflags", "".join(movflags)]
        if self.tracks and self.tracks.begins_with_audio:
            options += ["-avoid_negative_ts", "make_zero"]
        return options

    def _tags(self) -> list[tuple[str, str]]:
        """Return all tags; for ffmpeg the last of a name counts, in capitals or not."""
        source = self.tracks.tags.items() if self.tracks else ()
        tags = [*source, *self.metadata.items()]
        if self.container.muxer in ("matroska", "webm"):
            return [(name, _with_braces_in_pairs(value)) for name, value in tags]
        return tags


def plan_mux(
    path: Path,
    frames: FrameFormat,
    tracks: SourceTracks | None,
    metadata: Mapping[str, str],
    notify: Callable[[str], object],
) -> Mux:
    """Choose the streams to take along; ``notify`` hears what cannot be kept as it is."""
    container = find_container(path)
    if tracks is None:
        return Mux(path, container, frames, None, metadata)
    suffix = path.suffix.lower()
    audio = audio_options(tracks, 1, container, suffix, notify)
    subtitles = list(kept_subtitles(tracks, container, suffix, notify))
    return Mux(path, container, frames, tracks, metadata, audio, subtitles)


def list_lines(folder: SegmentsFolder, rate: Fraction) -> Iterator[str]:
    """Yield the list that ffmpeg's concat demuxer reads.

    Format: https://ffmpeg.org/ffmpeg-formats.html#concat-1
    """
    yield "ffconcat version 1.0\n"
    for segment in folder.finished:
        start, stop = (
            _rounded(number / rate * 1_000_000) for number in (segment.first, segment.stop)
        )
        yield f"file {segment.path.name}\nduration {(stop - start) / 1_000_000:.6f}\n"


def _rounded(value: Fraction) -> int:
    """Round as ffmpeg does: halves up."""
    return floor(value + Fraction(1, 2))


def _metadata_lines(tags: Iterable[tuple[str, str]], tracks: SourceTracks | None) -> Iterator[str]:
    """Yield tags and chapters in ffmpeg's own form; a command line has a maximum length.

    Format: https://ffmpeg.org/ffmpeg-formats.html#Metadata-2
    """
    yield ";FFMETADATA1\n"
    for name, value in tags:
        yield f"{_escape(name)}={_escape(value)}\n"
    for chapter in tracks.shown_chapters() if tracks else ():
        times = f"START={_nanoseconds(chapter.start)}\nEND={_nanoseconds(chapter.end)}\n"
        yield f"[CHAPTER]\nTIMEBASE=1/1000000000\n{times}title={_escape(chapter.title)}\n"


def _with_braces_in_pairs(text: str) -> str:
    """Return JSON with the braces inside its strings as escapes, any other text as it is.

    ComfyUI's front end finds the end of a workflow in WebM by counting braces, those of a prompt
    such as "a {red|blue car" among them (src/scripts/metadata/ebml.ts, seen in 1.45).
    """
    try:
        json.loads(text)
    except ValueError:
        return text
    return _JSON_STRING.sub(
        lambda string: string[0].replace("{", r"\u007b").replace("}", r"\u007d"), text
    )


def _escape(text: str) -> str:
    return re.sub(r"([=;#\\\n\r])", r"\\\1", text)


def _nanoseconds(seconds: Fraction) -> int:
    return _rounded(seconds * 1_000_000_000)
