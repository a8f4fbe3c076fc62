"""What comes along with the picture: audio, subtitles, chapters and tags of its source.

Data only, and the arithmetic of sync: when something that lasts from A to B in the source is shown
in the result. ``read`` fills these in, ``write`` acts on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from pathlib import Path

# A player cuts off audio that begins before the picture (mp4) when there is little of it, which is
# right for the silence an audio encoder puts in front. More than this is worth keeping.
_ENCODER_SILENCE = Fraction(1, 10)


class AudioMode(Enum):
    """What happens to audio."""

    COPY = "copy"
    """Packet by packet; re-encoded only where the container cannot hold it."""
    ENCODE = "aac"
    """Re-encoded, with the codec that suits the container."""
    NONE = "none"


@dataclass(frozen=True)
class _Stream:
    """A stream beside the picture.

    Attributes:
        index: among all streams of the file, from 0.
        codec: FFmpeg's codec name such as "aac"; "unknown" when FFmpeg has no decoder for it.
    """

    index: int
    codec: str


@dataclass(frozen=True)
class AudioStream(_Stream):
    """An audio stream of a file.

    Attributes:
        is_default: the file marks it as the one to be heard.
    """

    is_default: bool = field(default=False, compare=False)


class SubtitleStream(_Stream):
    """A subtitle stream of a file."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What puts the timestamps of a stream on the clock that the rest of its file has.

    Attributes:
        first: number of the packet, counted from 0 in its stream, from which on it holds.
        seconds: added to timestamps; None: they mean nothing.
    """

    first: int
    seconds: Fraction | None


@dataclass(frozen=True)
class Chapter:
    """A chapter of a video.

    Attributes:
        start: seconds from the first frame that is read.
        end: seconds from there, exclusive.
        title: empty if it has none.
    """

    start: Fraction
    end: Fraction
    title: str


@dataclass(frozen=True)
class SourceTracks:
    """What comes along with a picture, and the file it is taken from.

    All of it moves with the picture: the first frame shown is at 0, and a faster picture has faster
    audio. Copied audio keeps whole packets; whatever begins or ends outside the trim is cut to it.

    Attributes:
        path: the file.
        audio: its audio streams, in order.
        subtitles: its subtitle streams, in order.
        chapters: its chapters.
        tags: its own tags, such as its title.
        delay: seconds by which the picture starts after the file's start (``VideoInfo.start``);
            negative when the audio starts later.
        start: where the trim begins, seconds from the first frame of the file.
        duration: length of the trim, seconds of the file; None: to its end.
        tempo: the picture is shown this many times as fast. Audio follows with its pitch kept.
        audio_mode: what happens to audio.
        picture_end: when the picture of the whole file ends, seconds from its first frame; None: unknown.
        corrections: index of a stream of the file -> what puts its timestamps right.
        may_refer: the file may be a list of other files.
    """

    path: Path
    audio: tuple[AudioStream, ...] = ()
    subtitles: tuple[SubtitleStream, ...] = ()
    chapters: Sequence[Chapter] = ()
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    delay: Fraction = Fraction(0)
    start: Fraction = Fraction(0)
    duration: Fraction | None = None
    tempo: Fraction = Fraction(1)
    audio_mode: AudioMode = AudioMode.COPY
    picture_end: Fraction | None = None
    corrections: Mapping[int, Sequence[Correction]] = field(
        default_factory=dict[int, Sequence[Correction]]
    )
    may_refer: bool = False

    @property
    def heard(self) -> int | None:
        """Number of the audio stream that players play: the default, else the first that is known."""
        known = [number for number, stream in enumerate(self.audio) if stream.codec != "unknown"]
        marked = [number for number in known if self.audio[number].is_default]
        return next(iter((*marked, *known)), None)

    @property
    def is_trimmed(self) -> bool:
        """Whether less than the whole file is shown."""
        return self.start != 0 or self.duration is not None

    @property
    def is_unchanged(self) -> bool:
        """Whether all of the file is shown, at its own speed."""
        return not self.is_trimmed and self.tempo == 1

    @property
    def begins_with_audio(self) -> bool:
        """Whether there is audio to keep before the first frame."""
        return (
            bool(self.audio)
            and self.audio_mode is not AudioMode.NONE
            and self.delay > _ENCODER_SILENCE
            and self.is_unchanged
        )

    @property
    def first_frame_at(self) -> Fraction:
        """When the first frame shown is due, seconds from the start of the file."""
        return self.delay + self.start

    def shown(self, start: Fraction, end: Fraction) -> tuple[Fraction, Fraction] | None:
        """Return when something is shown that lasts from ``start`` to ``end`` in the file.

        Args:
            start: seconds from the start of the file.
            end: seconds from the start of the file.

        Returns:
            Seconds from the first frame shown; None if it lies outside the trim.
        """
        start, end = start - self.first_frame_at, end - self.first_frame_at
        if start < 0 and end <= 0:
            return None
        if self.duration is not None:
            if start >= self.duration:
                return None
            end = min(end, self.duration)
        return max(start, Fraction(0)) / self.tempo, end / self.tempo

    def shown_chapters(self) -> Iterator[Chapter]:
        """Yield the chapters that are shown, timed from the first frame shown."""
        for chapter in self.chapters:
            shown = self.shown(chapter.start + self.delay, chapter.end + self.delay)
            if shown and shown[0] < shown[1]:
                yield Chapter(*shown, chapter.title)
