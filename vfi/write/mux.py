"""The second stage of a video: its parts become one file, with all that comes along.

Pictures are copied, not encoded again. The times of a part count from its own start; the list that
ffmpeg joins by says how long each lasts, as the difference of rounded starts, so that nothing adds
up over hours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from pathlib import Path

from ..encode import QUIET, Container, RunningFFmpeg, file_url
from ..tracks import SourceTracks
from .segments import PartsFolder
from .stream_options import audio_options, input_options, kept_subtitles, subtitle_codec
from .subtitles import write_shown_subtitles

_LIST, _TAGS, _SUBTITLES = "parts.ffconcat", "tags.ffmetadata", "subtitles.partial"
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
# What mp4 has a field for. With any other name it needs a table of names, which fewer players read.
_TAGS_OF_MP4 = frozenset(
    {
        *("album", "album_artist", "artist", "comment", "composer", "copyright", "creation_time"),
        *("date", "description", "episode_id", "genre", "grouping", "lyrics", "network", "show"),
        *("synopsis", "title"),
    }
)


@dataclass
class Joining:
    """How parts become a file.

    Attributes:
        ffmpeg: the program.
        path: the video, as it will be named.
        container: its format.
        codec: of the picture.
        rate: frames per second.
        tracks: what comes along, None for nothing.
        metadata: tags; they win over those of the source.
    """

    ffmpeg: str
    path: Path
    container: Container
    codec: str
    rate: Fraction
    tracks: SourceTracks | None
    metadata: Mapping[str, str]

    def __post_init__(self) -> None:
        self._audio: list[str] = []
        self._subtitles: list[int] = []

    def plan(self, notify: Callable[[str], None]) -> None:
        """Choose the streams to take along, and say what cannot be kept as it is."""
        if self.tracks:
            name = self.path.suffix.lower()
            self._audio = audio_options(self.tracks, 1, self.container, name, notify)
            self._subtitles = list(kept_subtitles(self.tracks, self.container, name, notify))

    def start(self, folder: PartsFolder, target: Path) -> RunningFFmpeg:
        """Start ffmpeg, which writes the file and ends by itself."""
        lines = list_lines(folder, self.rate)
        (folder.path / _LIST).write_text("".join(lines), encoding="utf-8", newline="\n")
        lines = _metadata_lines(self._tags(), self.tracks)
        (folder.path / _TAGS).write_text("".join(lines), encoding="utf-8", newline="\n")
        if self._subtitles_are_moved:
            assert self.tracks
            write_shown_subtitles(self.tracks, self._subtitles, folder.path / _SUBTITLES)
        # ffmpeg takes the names in a list as relative to it, but not under every name of a folder.
        return RunningFFmpeg(self._command(target), self.path, folder.path)

    @property
    def _subtitles_are_moved(self) -> bool:
        return bool(self._subtitles and self.tracks and not self.tracks.is_unchanged)

    def _command(self, target: Path) -> list[str]:
        # igndts: the order in which frames are decoded follows from their times and the codec's
        # delay. A part of 1 or 2 frames has no delay, which would add a gap in front of it.
        inputs = [["-fflags", "+igndts", "-f", "concat", "-auto_convert", "0", "-i", _LIST]]
        options = ["-map", "0:v:0", "-c:v", "copy"]
        tag = self.container.codec_tags.get(self.codec)
        options += ["-tag:v", tag] if tag else []
        if self.tracks and (self._audio or self._subtitles):
            inputs.append(input_options(self.tracks))
            options += self._audio
        if self._subtitles_are_moved:
            inputs.append(["-i", _SUBTITLES])
        options += self._subtitle_options(len(inputs) - 1)
        inputs.append(["-f", "ffmetadata", "-i", _TAGS])
        number = str(len(inputs) - 1)
        options += ["-map_metadata", number, "-map_chapters", number, *self._file_options()]
        command = [self.ffmpeg, *QUIET, *(word for options in inputs for word in options)]
        return [*command, *options, "-f", self.container.muxer, file_url(target)]

    def _subtitle_options(self, number: int) -> list[str]:
        """Say which subtitles are taken; ``number`` is that of their input."""
        options: list[str] = []
        for kept, track in enumerate(self._subtitles):
            assert self.tracks
            source = kept if self._subtitles_are_moved else track
            codec = subtitle_codec(self.tracks.subtitles[track].codec, self.container)
            options += ["-map", f"{number}:s:{source}", f"-c:s:{kept}", codec]
        if self._subtitles and self.container.holds_fonts:
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


def list_lines(folder: PartsFolder, rate: Fraction) -> Iterator[str]:
    """Yield the list that ffmpeg's concat demuxer reads.

    Format: https://ffmpeg.org/ffmpeg-formats.html#concat-1
    """
    yield "ffconcat version 1.0\n"
    for part in folder.finished:
        start, stop = (_rounded(number / rate * 1_000_000) for number in (part.first, part.stop))
        yield f"file {part.path.name}\nduration {(stop - start) / 1_000_000:.6f}\n"


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
