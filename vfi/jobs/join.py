"""Clips that become one: parts of a long generation, or a VIDEO that is several in a row.

Each part is read as it would be alone, one after the other.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import accumulate
from pathlib import Path

import torch

from ..errors import InputError
from ..frames import Frame, as_float
from ..preprocess import Edges, Match, Part, Seam, concatenate, find_seams, read_edges
from ..read import Clip, read_sound, sound_format
from ..timing import format_rate
from ..tracks import SourceTracks
from ..write import WavFile, wav_tracks


def find_clip_seams(
    clips: Sequence[Clip], overlap: int, match: Match
) -> tuple[list[Clip], list[Seam]]:
    """Find out how each clip follows the one before; reads all of them to their ends once.

    Args:
        clips: in order, all of a constant rate.
        overlap: see ``find_seams``.
        match: likewise.

    Returns:
        The clips, with the number of frames that were counted, and one seam for each.

    Raises:
        InputError: they do not go together; the message says which does not, and why.
        DecodeError: a frame cannot be read.
    """
    _require_alike(clips, in_rate=True)
    has_alpha = all(clip.has_alpha for clip in clips)
    counted: list[Clip] = []

    def edges() -> Iterator[Edges]:
        for clip in clips:
            found = _read_edges(clip, overlap, has_alpha=has_alpha)
            counted.append(replace(clip, num_frames=found.num_frames))
            yield found

    seams = find_seams(edges(), overlap, match)
    return counted, seams


def _read_edges(clip: Clip, overlap: int, *, has_alpha: bool) -> Edges:
    with closing(clip.frames()) as frames:
        channels = None if has_alpha else 3
        return read_edges((as_float(frame.pixels[..., :channels]) for frame in frames), overlap)


@contextmanager
def joined(
    clips: Sequence[Clip],
    seams: Sequence[Seam] = (),
    match: Match | None = None,
    *,
    sound: Callable[[Fraction], AbstractContextManager[SourceTracks | None]] | None = None,
    listen: Callable[[SourceTracks], int | None] = lambda tracks: tracks.heard,
    check: Callable[[], object] = lambda: None,
) -> Generator[Clip, None, None]:
    """Play clips one after the other.

    Args:
        clips: at least one.
        seams: how each follows the one before; none: all their frames are shown, as they are.
        match: whether and how each gets the colours of the one before.
        sound: opens the sound of all of them together, given their length in seconds; None: their
            own is joined.
        listen: says which audio stream of a clip is heard, by its number.
        check: called now and then while sound is read; may raise.

    Raises:
        InputError: they differ in size, or in what their colours mean.
    """
    _require_alike(clips)
    first = clips[0]
    seams = seams or [Seam()] * len(clips)
    parts = _Parts(clips, seams, _starts(clips, seams), match or Match())
    end = parts.starts[-1]
    counts = [clip.num_frames for clip in clips if clip.num_frames is not None]
    num_repeated = sum(seam.num_repeated for seam in seams)
    is_constant = all(clip.rate == first.rate and clip.duration is None for clip in clips)
    with sound(end) if sound else parts.sound_file(listen, check) as tracks:
        yield replace(
            first,
            name="joined video",
            identity=parts.identity,
            frames=parts.frames,
            num_frames=sum(counts) - num_repeated if len(counts) == len(clips) else None,
            bit_depth=max(clip.bit_depth for clip in clips),
            has_alpha=parts.has_alpha,
            tracks=tracks and replace(tracks, tags=first.tracks.tags if first.tracks else {}),
            duration=None if is_constant else end,
            longest_gap=max(clip.longest_gap for clip in clips),
            notes=tuple(dict.fromkeys(note for clip in clips for note in clip.notes)),
        )


@dataclass(frozen=True)
class _Parts:
    """Clips, how each follows the one before, and when; see ``_starts``."""

    clips: Sequence[Clip]
    seams: Sequence[Seam]
    starts: Sequence[Fraction]
    match: Match

    @property
    def has_alpha(self) -> bool:
        """Whether all of them are RGBA; where only some are, all become RGB."""
        return all(clip.has_alpha for clip in self.clips)

    @property
    def identity(self) -> str:
        """That of all of them; "" if one cannot be identified."""
        identities = [clip.identity for clip in self.clips]
        how = (self.starts, self.has_alpha, self.seams, self.match)
        return repr((identities, *how)) if all(identities) else ""

    def frames(self) -> Generator[Frame, None, None]:
        """Yield the frames of all clips, times from 0."""
        # The length of a clip is an estimate. If it has more frames, the next one waits for them.
        parts = [
            Part(partial(self._frames_of, clip), 1 / clip.rate, seam, start)
            for clip, seam, start in zip(self.clips, self.seams, self.starts)  # noqa: B905  one more
        ]
        yield from concatenate(parts, self.match)

    def _frames_of(self, clip: Clip) -> Generator[Frame, None, None]:
        with closing(clip.frames()) as frames:
            for frame in frames:
                pixels = frame.pixels if self.has_alpha else frame.pixels[..., :3]
                # Float, as one clip may have 8 bits, and another more.
                yield replace(frame, pixels=as_float(pixels))

    @contextmanager
    def sound_file(
        self, listen: Callable[[SourceTracks], int | None], check: Callable[[], object]
    ) -> Generator[SourceTracks | None, None, None]:
        """Write their sound to a temporary WAV file, with silence where one of them has none."""
        sources = [_sound_of(clip, listen) for clip in self.clips]
        chosen = next((source for source in sources if source is not None), None)
        if chosen is None:
            yield None
            return
        wanted = sound_format(*chosen)
        edges = [round(time * wanted.sample_rate) for time in self.starts]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "audio.wav"
            with WavFile(path, wanted.num_channels, wanted.sample_rate) as file:
                for number, source in enumerate(sources):
                    check()
                    # Read and left out: seeking ends at a timestamp, which is rounded.
                    skipped = round(self._skipped(number) * wanted.sample_rate)
                    count = skipped + edges[number + 1] - edges[number]
                    for samples in read_sound(*(source or (None, 0)), wanted, count):
                        file.write(torch.from_numpy(samples[:, skipped:]))
                        skipped = max(0, skipped - samples.shape[1])
            yield wav_tracks(path)

    def _skipped(self, number: int) -> Fraction:
        """Return for how many seconds a clip shows what the one before has shown."""
        return self.seams[number].num_repeated / self.clips[number].rate


def _sound_of(
    clip: Clip, listen: Callable[[SourceTracks], int | None]
) -> tuple[SourceTracks, int] | None:
    number = listen(clip.tracks) if clip.tracks else None
    return None if clip.tracks is None or number is None else (clip.tracks, number)


def _starts(clips: Sequence[Clip], seams: Sequence[Seam]) -> list[Fraction]:
    """Return when each clip is on its own, seconds, and when the last one ends."""
    lengths = [
        _length(clip) - seam.num_repeated / clip.rate
        for clip, seam in zip(clips, seams, strict=True)
    ]
    return list(accumulate(lengths, initial=Fraction(0)))


def _length(clip: Clip) -> Fraction:
    """Return for how many seconds a clip is shown."""
    if clip.length is not None:
        return clip.length
    with closing(clip.frames()) as frames:
        return sum(1 for _ in frames) / clip.rate


def _require_alike(clips: Sequence[Clip], *, in_rate: bool = False) -> None:
    kinds = [_describe(clip, in_rate=in_rate) for clip in clips]
    for number, (clip, kind) in enumerate(zip(clips, kinds, strict=True), 1):
        if kind != kinds[0]:
            raise InputError(
                f"{clip.name}: part {number} is {kind}, not {kinds[0]} like the first"
                f"{f', {clips[0].name}' if in_rate else ''}. Resize or convert it before the parts are "
                "joined."
            )


def _describe(clip: Clip, *, in_rate: bool) -> str:
    hdr = f", {clip.color.hdr_name}" if clip.color.hdr_name else ""
    varies = "a varying rate of about " if clip.duration is not None else ""
    rate = f" at {varies}{format_rate(clip.rate)} fps" if in_rate else ""
    return f"{clip.width}x{clip.height}{rate}{hdr}"
