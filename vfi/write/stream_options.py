"""What comes along with the picture: sound, subtitles, chapters, fonts and tags of its source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av

from ..encode import Container, file_url

_AUDIO_BITRATE = "192k"
_AUDIO_NAMES = {"aac": "AAC", "libopus": "Opus"}
# Codecs of subtitles that ffmpeg decodes to text; others are pictures, or nothing it knows.
_TEXT_SUBTITLES = frozenset(
    {
        *("ass", "eia_608", "jacosub", "microdvd", "mov_text", "mpl2", "pjs", "realtext", "sami"),
        *("ssa", "stl", "subrip", "subviewer", "subviewer1", "text", "vplayer", "webvtt"),
    }
)
# A player cuts off sound that begins before the picture (mp4) when there is little of it, which is
# right for the silence an audio encoder puts in front. More than this is sound to be kept.
_ENCODER_SILENCE = Fraction(1, 10)
# What a file says of itself rather than of the film (mp4's brands, who wrote it).
_TAGS_OF_THE_FILE = frozenset(
    {"compatible_brands", "duration", "encoder", "major_brand", "minor_version"}
)
# AVFMT_TS_DISCONT (libavformat/avformat.h).
_TIMESTAMPS_JUMP = 0x0200
_MICROSECOND = Fraction(1, 1_000_000)

Tell = Callable[[str], None]


class Sound(Enum):
    """What is done to sound."""

    COPY = "copy"  # packet by packet; encoded anew only where the format cannot hold it
    ENCODE = "aac"  # encoded anew, with what suits the format
    NONE = "none"


class Chapter(Protocol):
    """A chapter: from ``start`` to ``end``, seconds from the start of the file."""

    @property
    def start(self) -> Fraction: ...  # noqa: D102  an attribute, see above
    @property
    def end(self) -> Fraction: ...  # noqa: D102
    @property
    def title(self) -> str: ...  # noqa: D102  "" for none


@dataclass(frozen=True)
class SourceTracks:
    """What comes along with a picture, and the file it is taken from.

    All of it is moved with the picture: to where the first picture shown is at 0, and faster or
    slower with it. Sound that is copied keeps whole packets; what begins or ends beyond the part
    that is shown is cut to it.

    Attributes:
        path: the file.
        sound: codec of each of its sound tracks, in order; "unknown" tracks are left out.
        subtitles: codec of each of its subtitle tracks, in order.
        chapters: its chapters.
        tags: its own tags, such as its title.
        delay: seconds by which the picture starts after the file's start (``VideoInfo.start``);
            negative when the sound starts later.
        start: where the part that is shown begins, seconds from the first picture of the file.
        duration: how long that part is, seconds of the file; None: to its end.
        tempo: the picture is shown this many times as fast. Sound follows with its pitch kept.
        treatment: what is done to sound.
        sound_languages: of each of its sound tracks a code of ISO 639-2, or "". They are copied from
            the file all the same where the format has no names of its own for them.
        subtitle_languages: of each of its subtitle tracks.
    """

    path: Path
    sound: tuple[str, ...] = ()
    subtitles: tuple[str, ...] = ()
    chapters: Sequence[Chapter] = ()
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    delay: Fraction = Fraction(0)
    start: Fraction = Fraction(0)
    duration: Fraction | None = None
    tempo: Fraction = Fraction(1)
    treatment: Sound = Sound.COPY
    sound_languages: tuple[str, ...] = ()
    subtitle_languages: tuple[str, ...] = ()

    @property
    def is_part(self) -> bool:
        """Whether less than the whole file is shown."""
        return self.start != 0 or self.duration is not None

    @property
    def is_unchanged(self) -> bool:
        """Whether all of the file is shown, as fast as it was."""
        return not self.is_part and self.tempo == 1

    @property
    def begins_with_sound(self) -> bool:
        """Whether there is sound to be kept before the first picture."""
        return (
            bool(self.sound)
            and self.treatment is not Sound.NONE
            and self.delay > _ENCODER_SILENCE
            and self.is_unchanged
        )

    def shown(self, start: Fraction, end: Fraction) -> tuple[Fraction, Fraction] | None:
        """Return when something is shown that lasts from ``start`` to ``end`` in the file.

        Args:
            start: seconds from the start of the file.
            end: seconds from the start of the file.

        Returns:
            Seconds from the first picture shown; None if it is in a part that is not.
        """
        begin = self.delay + self.start
        start, end = start - begin, end - begin
        if start < 0 and end <= 0:
            return None
        if self.duration is not None:
            if start >= self.duration:
                return None
            end = min(end, self.duration)
        return max(start, Fraction(0)) / self.tempo, end / self.tempo

    def input_options(self) -> list[str]:
        """Return what tells ffmpeg to read the file so that 0 is the first picture shown."""
        # The sound is moved, not the picture: ffmpeg rounds an offset to ticks of its input.
        position = self.delay + self.start
        if self.is_part and position >= 0:
            options = ["-ss", _seconds(position + _sound_after_seek(self.path))]
        else:
            options = ["-itsoffset", _seconds(-position)]
        if self.duration is not None:
            options += ["-t", _seconds(self.duration)]
        return [*options, "-i", file_url(self.path)]

    def sound_options(self, number: int, container: Container, name: str, tell: Tell) -> list[str]:
        """Return what tells ffmpeg which sound tracks to take, and how.

        Args:
            number: of this file among ffmpeg's inputs.
            container: what they go into.
            name: what the user calls that.
            tell: called with a sentence for each track that cannot be kept as it is.
        """
        if not self.sound or self.treatment is Sound.NONE:
            return []
        if container.audio_encoder is None:
            tell(f"sound: left out, {name} files hold none")
            return []
        options: list[str] = []
        kept = 0
        for track, codec in enumerate(self.sound):
            if codec == "unknown":
                tell(f"sound track {track + 1}: left out, ffmpeg does not know its codec")
                continue
            options += ["-map", f"{number}:a:{track}"]
            reason = self._reason_to_encode(codec, container, name)
            if reason:
                encoder = f"{_AUDIO_NAMES[container.audio_encoder]} at {_AUDIO_BITRATE}"
                tell(f"sound track {track + 1}: {reason}, re-encoded to {encoder}")
            if reason or self.treatment is Sound.ENCODE:
                options += self._encoding_options(kept, container)
            else:
                options += [f"-c:a:{kept}", "copy"]
                # Or a file whose picture is there as well is read from a key frame before it.
                options += [f"-copypriorss:a:{kept}", "0"] if self.is_part else []
            self._tell_of_language("sound", track, container, name, tell)
            options += self.language_options("sound", track, kept, container)
            kept += 1
        return options

    def _reason_to_encode(self, codec: str, container: Container, name: str) -> str:
        if self.tempo != 1:
            return "plays at another speed"
        if codec not in container.audio_codecs:
            return f"{codec} does not go into {name} files"
        return ""

    def _encoding_options(self, kept: int, container: Container) -> list[str]:
        options = [f"-c:a:{kept}", str(container.audio_encoder), f"-b:a:{kept}", _AUDIO_BITRATE]
        filters = [container.audio_filter] if container.audio_filter else []
        if self.duration is not None:  # -t does not tell what -itsoffset has moved
            filters.append(f"atrim=end={_seconds(self.duration)}")
        if self.tempo != 1:
            # atempo keeps the time of the first sample, so that one has to be at 0.
            filters += ["aresample=async=1:first_pts=0", *_tempo_filters(self.tempo)]
        return [*options, f"-filter:a:{kept}", ",".join(filters)] if filters else options

    def kept_subtitles(self, container: Container, name: str, tell: Tell) -> Iterator[int]:
        """Yield the numbers of the subtitle tracks that go into a file, from 0.

        Args:
            container: what they go into.
            name: what the user calls that.
            tell: called with a sentence for each track that is left out.
        """
        for track, codec in enumerate(self.subtitles):
            if codec in container.subtitle_codecs or (
                container.subtitle_encoder and codec in _TEXT_SUBTITLES
            ):
                self._tell_of_language("subtitle", track, container, name, tell)
                yield track
            else:
                tell(f"subtitle track {track + 1}: left out, {codec} does not go into {name} files")

    def subtitle_codec(self, track: int, container: Container) -> str:
        """Return what becomes of a subtitle track: "copy", or the name of an encoder."""
        is_held = self.subtitles[track] in container.subtitle_codecs
        return "copy" if is_held else str(container.subtitle_encoder)

    def language_options(self, kind: str, track: int, kept: int, container: Container) -> list[str]:
        """Return what names a track's language where the format has names of its own.

        Args:
            kind: "sound" or "subtitle".
            track: number of the track among those of its kind in the file.
            kept: the same, in what is written.
            container: the format.
        """
        code = self._language(kind, track)
        language = container.language_name(code) if code else None
        if language is None or language == code:
            return []
        return [f"-metadata:s:{'a' if kind == 'sound' else 's'}:{kept}", f"language={language}"]

    def _tell_of_language(
        self, kind: str, track: int, container: Container, name: str, tell: Tell
    ) -> None:
        code = self._language(kind, track)
        if code and container.language_name(code) is None:
            tell(f"{kind} track {track + 1}: {name} files cannot name its language, {code}")

    def _language(self, kind: str, track: int) -> str:
        languages = self.sound_languages if kind == "sound" else self.subtitle_languages
        return languages[track] if languages else ""

    def shown_chapters(self) -> Iterator[tuple[Fraction, Fraction, str]]:
        """Yield start, end and title of the chapters that are shown, from the first picture."""
        for chapter in self.chapters:
            shown = self.shown(chapter.start, chapter.end)
            if shown and shown[0] < shown[1]:
                yield *shown, chapter.title

    def own_tags(self) -> Iterator[tuple[str, str]]:
        """Yield the tags that are about the film, not about the file it was in."""
        for name, value in self.tags.items():
            if name.lower() not in _TAGS_OF_THE_FILE:
                yield name, value


def _sound_after_seek(path: Path) -> Fraction:
    """Return by how many seconds sound begins after the point that ffmpeg seeks from.

    They differ in formats whose timestamps may jump (mpegts, ogg, ...): there ffmpeg reads from the
    start of the sound, if that is all it uses, but seeks from the start of the file.
    """
    with av.open(f"file:{path}", metadata_errors="replace") as container:
        if not container.format.flags & _TIMESTAMPS_JUMP or container.start_time is None:
            return Fraction(0)
        starts = [
            track.start_time * Fraction(track.time_base or 0)
            for track in container.streams.audio
            if track.start_time is not None
        ]
        begin = container.start_time * _MICROSECOND
        return min(starts, default=begin) - begin


def _tempo_filters(tempo: Fraction) -> Iterator[str]:
    """Yield filters that change the speed and keep the pitch; above 2, one alone drops samples."""
    while tempo > 2:
        yield "atempo=2"
        tempo /= 2
    while tempo < Fraction(1, 2):
        yield "atempo=0.5"
        tempo *= 2
    yield f"atempo={float(tempo):.12g}"


def _seconds(value: Fraction) -> str:
    return f"{float(value):.6f}"
