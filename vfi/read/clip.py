"""A source of frames, be it a video, a folder or a batch, and what a job needs to know of it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path

from ..color import SDR, Color
from ..errors import InputError
from ..frames import Frame
from ..tracks import SourceTracks
from .image_sequence import FolderInfo, probe_image_folder
from .seekable import FolderFrames, SeekableFrames, VideoFrames
from .tone_map import ToneMapper
from .video import probe_video, trim_video
from .video_info import VideoInfo, length_of


@dataclass(frozen=True)
class Clip:
    """A source.

    Attributes:
        name: what to call it in a message: the path of its file or folder.
        identity: tells it from every other source, and from itself once it was changed; "" if it
            cannot be identified.
        frames: opens it and yields its frames, times from 0.
        width: px.
        height: px.
        rate: frames per second.
        num_frames: an estimate, None if unknown.
        pixel_aspect: width of a pixel divided by its height.
        bit_depth: of its frames.
        color: what the values of its frames mean.
        has_alpha: its frames are RGBA.
        tracks: what comes along with its picture: audio, subtitles, chapters, tags.
        duration: seconds, an estimate, where the frame rate varies; None: ``num_frames / rate``.
        longest_gap: for how many seconds one frame is shown, at most, and when that begins.
        notes: what people should know of it before work begins, one sentence each.
    """

    name: str
    identity: str
    frames: Callable[[], Generator[Frame, None, None]]
    width: int
    height: int
    rate: Fraction
    num_frames: int | None
    pixel_aspect: Fraction = Fraction(1)
    bit_depth: int = 8
    color: Color = SDR
    has_alpha: bool = False
    tracks: SourceTracks | None = None
    duration: Fraction | None = None
    longest_gap: tuple[Fraction, Fraction] = (Fraction(0), Fraction(0))
    notes: tuple[str, ...] = ()

    @property
    def length(self) -> Fraction | None:
        """How many seconds it is shown; an estimate, None if unknown."""
        return length_of(self.num_frames, self.rate, self.duration)

    def tone_mapped(self) -> Clip:
        """Return this clip of HDR as SDR; its frames are float32."""
        return replace(
            self,
            identity=self.identity and f"{self.identity}, tone-mapped",
            frames=_ToneMapped(self),
            color=SDR,
        )

    def frames_from(self, start: Fraction) -> Generator[Frame, None, None]:
        """Yield the frames from ``start`` on, the time of one of them; seeks if the source can."""
        if isinstance(self.frames, SeekableFrames):
            yield from self.frames.starting_at(start)
            return
        with closing(self.frames()) as frames:
            for frame in frames:
                if frame.time >= start:
                    yield frame

    def files(self, start: Fraction, end: Fraction) -> list[Path]:
        """List the files that are read for frames at ``start <= time <= end``.

        Raises:
            TypeError: it is not read from files.
        """
        return self._seekable().files(start, end)

    def moved(self, place: Callable[[Path], Path]) -> Clip:
        """Return the same clip, read from other places, ``place`` of each file.

        Raises:
            TypeError: it is not read from files.
        """
        tracks = self.tracks and replace(self.tracks, path=place(self.tracks.path))
        return replace(self, frames=self._seekable().moved(place), tracks=tracks)

    def _seekable(self) -> SeekableFrames:
        if not isinstance(self.frames, SeekableFrames):
            raise TypeError(f"{self.name} is not read from files")
        return self.frames


@dataclass(frozen=True)
class _ToneMapped(SeekableFrames):
    """The frames of a clip of HDR, as SDR."""

    clip: Clip

    def starting_at(self, start: Fraction) -> Generator[Frame, None, None]:
        mapper = ToneMapper(self.clip.color)
        with closing(self.clip.frames_from(start)) as frames:
            for frame in frames:
                yield replace(frame, pixels=mapper(frame.pixels))

    def files(self, start: Fraction, end: Fraction) -> list[Path]:
        return self.clip.files(start, end)

    def moved(self, place: Callable[[Path], Path]) -> _ToneMapped:
        return _ToneMapped(self.clip.moved(place))


def open_video(
    path: Path,
    start: Fraction = Fraction(0),
    end: Fraction | None = None,
    *,
    alpha: bool = False,
    may_refer: bool = False,
) -> Clip:
    """Look at a video; nothing is decoded yet but a first frame.

    Args:
        path: the file.
        start: seconds; frames before are left out.
        end: seconds; frames from there on are left out. None: to the last one.
        alpha: keep transparency, if there is any.
        may_refer: see ``probe_video``.

    Raises:
        InputError: there is no such file, or nothing between ``start`` and ``end``.
        DecodeError: it is no video.
    """
    whole = info = probe_video(path, may_refer=may_refer)
    if start or end is not None:
        info = trim_video(whole, start, end)
    has_alpha = alpha and info.has_alpha
    return Clip(
        name=str(path),
        identity=_identify([path], start, end, has_alpha),
        frames=VideoFrames(info, has_alpha),
        width=info.width,
        height=info.height,
        rate=info.rate,
        num_frames=info.num_frames,
        pixel_aspect=info.pixel_aspect,
        bit_depth=info.bit_depth,
        color=info.color,
        has_alpha=has_alpha,
        tracks=_tracks_of(whole, info, None if end is None else end - info.first_time),
        duration=info.duration,
        longest_gap=info.longest_gap,
        notes=info.notes,
    )


def _tracks_of(whole: VideoInfo, shown: VideoInfo, duration: Fraction | None) -> SourceTracks:
    return SourceTracks(
        whole.path,
        whole.audio,
        whole.subtitles,
        whole.chapters,
        whole.tags,
        delay=whole.start,
        start=shown.first_time,
        duration=duration,
        picture_end=whole.length,
        corrections=whole.corrections,
        may_refer=whole.may_refer,
    )


def open_folder(
    path: Path,
    rate: Fraction,
    start: Fraction = Fraction(0),
    end: Fraction | None = None,
    *,
    alpha: bool = False,
) -> Clip:
    """Look at a folder of numbered images; nothing is read yet.

    Args:
        path: the folder.
        rate: images per second.
        start: seconds; images before are left out.
        end: seconds; images from there on are left out. None: to the last one.
        alpha: keep transparency, if there is any.

    Raises:
        InputError: there is no such folder, or nothing in it between ``start`` and ``end``.
        DecodeError: a file in it is no image.
    """
    info = _trim(probe_image_folder(path), rate, start, end)
    has_alpha = alpha and info.has_alpha
    return Clip(
        name=str(path),
        identity=_identify(info.files, rate, has_alpha),
        frames=FolderFrames(info, rate, has_alpha),
        width=info.width,
        height=info.height,
        rate=rate,
        num_frames=len(info.files),
        bit_depth=info.bit_depth,
        has_alpha=has_alpha,
    )


def _trim(info: FolderInfo, rate: Fraction, start: Fraction, end: Fraction | None) -> FolderInfo:
    stop = len(info.files) if end is None else ceil(end * rate)
    files = info.files[ceil(start * rate) : stop]
    if not files:
        raise InputError(
            f"{info.path} has no images from {float(start):g} s to "
            f"{'the end' if end is None else f'{float(end):g} s'}: it is "
            f"{float(len(info.files) / rate):g} s long."
        )
    return replace(info, files=files)


def _identify(files: list[Path] | tuple[Path, ...], *details: object) -> str:
    """Identify files by name, size and time of change: hashing gigabytes takes minutes."""
    stats = [(str(file.resolve()), file.stat()) for file in files]
    return repr([(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats] + list(details))
