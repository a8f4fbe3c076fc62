"""The second stage of a video: segments become one file, with audio, subtitles, chapters and tags."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from heapq import merge
from math import floor
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer

from ..encode import Container, FrameFormat, find_container
from ..errors import EncodeError
from ..read import audio_origin, open_container
from ..tracks import SourceTracks
from .finished import Ledger
from .picture import Picture
from .segments import SegmentsFolder
from .side_streams import CopiedAudio, EncodedAudio, SideStream, Subtitles, made_packets
from .stream_plan import plan_audio, plan_subtitles

_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_PACKETS_PER_CHECK = 64
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
        audio: number of an audio stream that comes along -> whether it is encoded.
        subtitles: number of a subtitle stream that comes along, and what it becomes.
    """

    path: Path
    container: Container
    format: FrameFormat
    tracks: SourceTracks | None
    metadata: Mapping[str, str]
    audio: Mapping[int, bool] = field(default_factory=dict[int, bool])
    subtitles: Sequence[tuple[int, str]] = ()

    def write(
        self, folder: SegmentsFolder, target: Path, check: Callable[[], object] | None = None
    ) -> None:
        """Write the file, and look whether all of it is there.

        Args:
            folder: the segments.
            target: the file to write.
            check: called now and then meanwhile; what it raises ends the work.

        Raises:
            EncodeError: not all of it is there.
            FFmpegError, OSError: it could not be written.
        """
        check = check or _go_on
        ledger = Ledger()
        with ExitStack() as stack:
            output = stack.enter_context(
                av.open(
                    f"file:{target.absolute()}",
                    "w",
                    format=self.container.muxer,
                    container_options=self._options(),
                )
            )
            for packet in self._packets(output, folder, stack, check):
                ledger.add(packet)
                output.mux(packet)
        fault = ledger.find_fault(target, check)
        if fault:
            raise EncodeError(
                f"{self.path}: {fault}. Is the disk full? Make room and run the same job again; it "
                "resumes from its segments."
            )

    def _packets(
        self,
        output: OutputContainer,
        folder: SegmentsFolder,
        stack: ExitStack,
        check: Callable[[], object],
    ) -> Iterator[av.Packet[Any]]:
        """Add all streams to the file, and yield what goes into them."""
        picture = Picture(output, folder.finished, self.format, self.container)
        streams: Iterator[av.Packet[Any]] = iter(())
        if self.tracks and (self.audio or self.subtitles):
            source = stack.enter_context(
                open_container(self.tracks.path, may_refer=self.tracks.may_refer)
            )
            streams = self._side_packets(output, source, self.tracks)
        output.metadata.update(self._tags())
        output.set_chapters(list(self._chapters()))
        packets = merge(picture.packets(), streams, key=_time)
        for number, packet in enumerate(packets):
            if number % _PACKETS_PER_CHECK == 0:
                check()
            yield packet

    def _side_packets(
        self, output: OutputContainer, source: InputContainer, tracks: SourceTracks
    ) -> Iterator[av.Packet[Any]]:
        origin = audio_origin(source, tracks.corrections)
        shift = origin + tracks.first_frame_at
        streams: dict[int, SideStream] = {}
        for number, is_encoded in self.audio.items():
            self._require_track(number, len(source.streams.audio), "audio")
            track = source.streams.audio[number]
            streams[track.index] = (
                EncodedAudio(output, track, self.container, tracks, shift)
                if is_encoded
                else CopiedAudio(output, track, tracks, shift)
            )
        for number, codec in self.subtitles:
            self._require_track(number, len(source.streams.subtitles), "subtitle")
            track = source.streams.subtitles[number]
            streams[track.index] = Subtitles(output, track, codec, tracks, origin)
        if self.subtitles and self.container.holds_fonts:
            for font in source.streams.attachments:
                output.add_attachment(font.name or "font", font.mimetype or "", font.data)
        return made_packets(source, streams, tracks, shift)

    def _require_track(self, number: int, num_tracks: int, kind: str) -> None:
        if number >= num_tracks:
            assert self.tracks
            raise EncodeError(
                f"{self.tracks.path}: {kind} track {number + 1} is no longer in it. Was the file "
                "replaced? Start the job again."
            )

    def _options(self) -> dict[str, str]:
        options = dict(self.container.options)
        movflags = self.container.movflags
        if movflags and not set(self._tags()) <= _TAGS_OF_MP4:
            movflags += ("+use_metadata_tags",)  # or mp4 keeps a handful of known names only
        if movflags:
            options["movflags"] = "".join(movflags)
        if self.tracks and self.tracks.begins_with_audio:
            options["avoid_negative_ts"] = "make_zero"
        return options

    def _tags(self) -> dict[str, str]:
        """Return all tags; of a name, in capitals or not, the last counts."""
        source = self.tracks.tags.items() if self.tracks else ()
        tags = {name.lower(): (name, value) for name, value in (*source, *self.metadata.items())}
        if self.container.muxer in ("matroska", "webm"):
            return {name: _with_braces_in_pairs(value) for name, value in tags.values()}
        return dict(tags.values())

    def _chapters(self) -> Iterator[Any]:
        for number, chapter in enumerate(self.tracks.shown_chapters() if self.tracks else ()):
            yield {
                "id": number,
                "start": _nanoseconds(chapter.start),
                "end": _nanoseconds(chapter.end),
                "time_base": Fraction(1, 1_000_000_000),
                "metadata": {"title": chapter.title},
            }


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
    audio = plan_audio(tracks, container, suffix, notify)
    subtitles = list(plan_subtitles(tracks, container, suffix, notify))
    return Mux(path, container, frames, tracks, metadata, audio, subtitles)


def _time(packet: av.Packet[Any]) -> Fraction:
    return (packet.dts or 0) * packet.time_base


def _go_on() -> None:
    """Nobody wants to end the work."""


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


def _nanoseconds(seconds: Fraction) -> int:
    return floor(seconds * 1_000_000_000 + Fraction(1, 2))
