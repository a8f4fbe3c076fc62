"""What is known of a video before its frames are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from ..color import SDR, Color
from ..tracks import AudioStream, Chapter, Correction, SubtitleStream


@dataclass(frozen=True)
class Crop:
    """Columns and rows of the stored frames that are not to be shown, px; before any rotation."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0

    def size_of(self, width: int, height: int) -> tuple[int, int]:
        """Return what is left of a size."""
        return width - self.left - self.right, height - self.top - self.bottom

    def fits(self, width: int, height: int) -> bool:
        """Tell whether something is left."""
        return min(self.size_of(width, height)) > 0


NO_CROP = Crop()


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a video before its frames are read.

    Attributes:
        path: the file.
        width: px, as displayed (after rotation).
        height: px, as displayed (after rotation).
        rate: nominal frames per second, exact. A variable frame rate has its average here.
        num_frames: an estimate, good for a progress bar only; None when the file does not tell.
        start: seconds from what ffmpeg takes as the start of the file when it reads the audio to
            the first frame that is read; 0 for nearly all whole files.
        rotation: degrees counterclockwise by which the stored frames are rotated for display: 0,
            90, 180 or 270. :func:`read_video` does so.
        pixel_aspect: width / height of a displayed pixel; 1 when square or unknown.
        audio: the audio streams, in the order of the file.
        subtitles: the subtitle streams, in the order of the file.
        chapters: in the order of the file; only those of the trim, cut to it.
        tags: what the file says of itself, such as its title or ComfyUI's prompt and workflow, under
            the names it has there (Matroska's are in capitals, but for the title); texts only.
        bit_depth: bits of a value.
        color: what its values mean.
        has_alpha: it has transparency. GIF and animated WebP store what does not change as
            transparent, so there the first frame decides, and whether frames are cleared.
        origin: timestamp of the file's first frame in seconds; None when it has none.
        first_time: when the first frame that is read is shown, seconds from the file's first one; 0
            unless trimmed.
        end_time: frames from here on are not read, seconds from the file's first one; None: all.
        duration: seconds for which what is read is shown, an estimate, where the frame rate varies;
            None where that is ``num_frames / rate``, or unknown.
        tolerance: seconds by which a timestamp may be off a multiple of ``1 / rate`` and still means
            that; None: the time base of the file.
        longest_gap: for how many seconds one frame is shown, at most, and when that begins.
        corrections: index of a stream -> what puts its timestamps right.
        crop: what a container wants cut off the stored frames.
        may_refer: the file may be a list of other files.
        notes: what people should know of the file before work begins, one sentence each.
    """

    path: Path
    width: int
    height: int
    rate: Fraction
    num_frames: int | None
    start: Fraction
    rotation: int
    pixel_aspect: Fraction
    audio: tuple[AudioStream, ...]
    subtitles: tuple[SubtitleStream, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    bit_depth: int = 8
    color: Color = SDR
    has_alpha: bool = False
    origin: Fraction | None = None
    first_time: Fraction = Fraction(0)
    end_time: Fraction | None = None
    duration: Fraction | None = None
    tolerance: Fraction | None = None
    longest_gap: tuple[Fraction, Fraction] = (Fraction(0), Fraction(0))
    corrections: Mapping[int, Sequence[Correction]] = field(
        default_factory=dict[int, Sequence[Correction]]
    )
    crop: Crop = NO_CROP
    may_refer: bool = False
    notes: tuple[str, ...] = ()

    @property
    def length(self) -> Fraction | None:
        """For how many seconds what is read is shown; an estimate, None if unknown."""
        return length_of(self.num_frames, self.rate, self.duration)


def length_of(num_frames: int | None, rate: Fraction, duration: Fraction | None) -> Fraction | None:
    """Return for how many seconds frames are shown: ``duration``, or as long as the rate says."""
    return num_frames / rate if duration is None and num_frames is not None else duration
