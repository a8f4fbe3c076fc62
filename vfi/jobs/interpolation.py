"""The job to interpolate a clip: which frames are shown, and when.

The command line and the node for videos differ in where the settings come from and how they show
progress; what they do is here, so that the same settings give the same files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice

from torch import Tensor

from ..errors import InputError
from ..frames import Frame, with_float_pixels
from ..preprocess import Cut, Preparation
from ..read import Clip
from ..synthesis import AtCut, FeaturesT, Interpolator, interpolate_stream
from ..timing import Schedule
from ..tracks import AudioMode, SourceTracks
from ..visualize import Montage
from .pieces import Piece, checking, cut_schedule, read_planned, write_down
from .prefetch import prefetched
from .render import hash_settings

# A longer gap, s, that takes more frames than that is rather a damaged timestamp than a slide.
_LONGEST_GAP, _MOST_IN_GAP = 60, 10_000


@dataclass(frozen=True)
class InterpolationJob:
    """What is to be shown of a clip, and when.

    Attributes:
        clip: the source.
        schedule: at which times the source is shown, before the preparation.
        preparation: what is done to the frames before new ones are put between them.
        shown_rate: frames per second that the result says it has; other than the schedule's, the
            result plays slower or faster.
        at_cut: what is shown between two scenes.
        montage: shows each frame together with the source, as it plays without interpolation.
        dither: where 8 bits are written, spread what lies between two levels over the pixels
            around.
    """

    clip: Clip
    schedule: Schedule
    shown_rate: Fraction
    preparation: Preparation = field(default_factory=Preparation)
    at_cut: AtCut = AtCut.NEAREST
    montage: Montage | None = None
    dither: bool = False

    @property
    def num_frames(self) -> int | None:
        """How many frames the result has; an estimate, None if unknown."""
        clip = self.clip
        end = clip.length
        if clip.num_frames is None or end is None:
            return None
        schedule = self.preparation.fit(self.schedule)
        return schedule.count(end if self.preparation.loop else end - 1 / clip.rate)

    @property
    def width(self) -> int:
        """Of the result, px."""
        return (self.montage or self.clip).width

    @property
    def height(self) -> int:
        """Of the result, px."""
        return (self.montage or self.clip).height

    @property
    def tempo(self) -> Fraction | None:
        """How many times as fast as the source the result plays; None where that changes."""
        first, *more = self.schedule.speed.points
        return None if more else first.speed * self.shown_rate / self.schedule.rate

    def tracks(self, audio_mode: AudioMode) -> SourceTracks | None:
        """Return what comes along with the result, as fast as its picture.

        What has timestamps, such as audio, is left out where the speed changes on the way.
        """
        tracks = self.clip.tracks
        if tracks is None:
            return None
        if self.tempo is None:
            return SourceTracks(tracks.path, tags=tracks.tags)
        return replace(tracks, tempo=self.tempo, audio_mode=audio_mode)

    def resume_key(self, *details: str) -> str | None:
        """Hash everything that decides the pixels; see ``RenderJob``."""
        masks = [hashlib.sha256(mask.numpy().tobytes()).hexdigest() for mask in self._masks]
        settings = [
            repr(self.schedule),
            repr(replace(self.preparation, masks=())),
            *masks,
            self.at_cut.value,
            repr(self.montage and self.montage.settings),
            repr(self.dither),
        ]
        return hash_settings(self.clip, *settings, *details)

    @property
    def _masks(self) -> Sequence[Tensor]:
        return [mask.cpu().float().contiguous() for mask in self.preparation.masks]

    def frames(
        self,
        interpolator: Interpolator[FeaturesT],
        on_cut: Callable[[Cut], object],
        *,
        on_redrawn: Callable[[int], object] = lambda _: None,
        first: int = 0,
        bit_depth: int = 8,
        check: Callable[[], object] | None = None,
    ) -> Generator[Tensor, None, None]:
        """Read the clip and yield the frames of the result; see ``RenderJob`` and ``Preparation``."""
        prepared = self._source(on_cut, on_redrawn, bit_depth)
        with closing(prefetched(prepared, check=check)) as source:
            yield from interpolate_stream(
                source,
                interpolator,
                self.preparation.fit(self.schedule),
                at_cut=self.at_cut,
                compare=self.montage and self.montage.compose,
                first=first,
            )

    def pieces(
        self,
        on_cut: Callable[[Cut], object],
        *,
        on_redrawn: Callable[[int], object] = lambda _: None,
        length: int,
        check: Callable[[], object] | None = None,
    ) -> Generator[Piece, None, None]:
        """Look at all frames of the clip, and yield the result in pieces; see ``SplitJob``."""
        with closing(self.clip.frames()) as frames:
            checked = checking(frames, check)
            prepared, schedule = self.preparation.apply(checked, self.schedule, on_cut, on_redrawn)
            planned = write_down(prepared, self.preparation.masks)
            yield from cut_schedule(planned, schedule, length)

    def frames_of(
        self, interpolator: Interpolator[FeaturesT], piece: Piece, *, bit_depth: int = 8
    ) -> Generator[Tensor, None, None]:
        """Yield the frames of a piece; see ``SplitJob``."""
        frames = read_planned(self.clip, piece, self.preparation.masks, bit_depth=bit_depth)
        with closing(prefetched(frames)) as source:
            made = interpolate_stream(
                source,
                interpolator,
                self.preparation.fit(self.schedule),
                at_cut=self.at_cut,
                compare=self.montage and self.montage.compose,
                first=piece.first,
            )
            yield from islice(made, piece.num_frames)

    def _source(
        self,
        on_cut: Callable[[Cut], object],
        on_redrawn: Callable[[int], object],
        bit_depth: int,
    ) -> Generator[Frame, None, None]:
        with closing(self.clip.frames()) as frames:
            prepared, _ = self.preparation.apply(frames, self.schedule, on_cut, on_redrawn)
            yield from with_float_pixels(prepared) if bit_depth > 8 else prepared


def plan_job(
    clip: Clip,
    schedule: Schedule,
    *,
    shown_rate: Fraction | None = None,
    preparation: Preparation | None = None,
    at_cut: AtCut = AtCut.NEAREST,
    montage: Montage | None = None,
    dither: bool = False,
) -> InterpolationJob:
    """Make a job of a clip and the moments to show; by default it plays at their rate.

    Raises:
        InputError: one frame is shown for so long that filling the time would take for ever, or the
            result would have absurdly many frames, as far as that is known before.
    """
    _require_no_gap(clip, schedule)
    preparation = preparation or Preparation()
    job = InterpolationJob(
        clip, schedule, shown_rate or schedule.rate, preparation, at_cut, montage, dither
    )
    _ = job.num_frames  # counts them
    return job


def _require_no_gap(clip: Clip, schedule: Schedule) -> None:
    """Refuse a gap that is hardly meant, before it decides how long the result is."""
    length, begin = clip.longest_gap
    if length <= _LONGEST_GAP:
        return
    count = schedule.count_certain(begin + length) - schedule.count_certain(begin)
    if count <= _MOST_IN_GAP:
        return
    raise InputError(
        f"{clip.name}: one frame is shown for {float(length):.0f} s, from {float(begin):.3f} s on: "
        f"{count} frames would be made for it alone. Leave that out with a start or an end, or "
        "choose a lower frame rate."
    )
