"""A VIDEO that is several, one after the other (*Concatenate Video* of ComfyUI after 0.25).

Each is a clip of its own, read as it would be alone. ComfyUI's ways to read them as one encode
them again, or hold all their frames.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import torch

from ...vfi.errors import InputError
from ...vfi.frames import Frame, as_float
from ...vfi.read import Clip, read_sound, sound_format
from ...vfi.tracks import SourceTracks
from ...vfi.write import WavFile, wav_tracks
from .output_files import audio_file
from .progress import check_cancelled
from .sound import Sound


@contextmanager
def joined(clips: Sequence[Clip], sound: Sound | None = None) -> Generator[Clip, None, None]:
    """Play clips one after the other.

    Args:
        clips: at least one.
        sound: for all of them together; None: their own.

    Raises:
        InputError: they differ in size, or in what their colours mean.
    """
    _require_alike(clips)
    first = clips[0]
    *starts, end = accumulate(map(_length, clips), initial=Fraction(0))
    parts = _Parts(clips, starts, end)
    counts = [clip.num_frames for clip in clips if clip.num_frames is not None]
    is_constant = all(clip.rate == first.rate and clip.duration is None for clip in clips)
    with audio_file(sound, end) if sound else parts.sound_file() as tracks:
        yield replace(
            first,
            name="joined video",
            identity=parts.identity,
            frames=parts.frames,
            num_frames=sum(counts) if len(counts) == len(clips) else None,
            bit_depth=max(clip.bit_depth for clip in clips),
            has_alpha=parts.has_alpha,
            tracks=tracks and replace(tracks, tags=first.tracks.tags if first.tracks else {}),
            duration=None if is_constant else end,
            longest_gap=max(clip.longest_gap for clip in clips),
            notes=tuple(dict.fromkeys(note for clip in clips for note in clip.notes)),
        )


@dataclass(frozen=True)
class _Parts:
    """Clips, when each of them starts, and when the last ends; seconds."""

    clips: Sequence[Clip]
    starts: Sequence[Fraction]
    end: Fraction

    @property
    def has_alpha(self) -> bool:
        """Whether all of them are RGBA; where only some are, all become RGB."""
        return all(clip.has_alpha for clip in self.clips)

    @property
    def identity(self) -> str:
        """That of all of them; "" if one cannot be identified."""
        identities = [clip.identity for clip in self.clips]
        return repr((identities, self.starts, self.has_alpha)) if all(identities) else ""

    def frames(self) -> Generator[Frame, None, None]:
        """Yield the frames of all clips, times from 0."""
        end = Fraction(0)
        for clip, planned in zip(self.clips, self.starts, strict=True):
            # The length of a clip is an estimate. If it has more frames, the next one waits for them.
            start = max(planned, end)
            with closing(clip.frames()) as frames:
                for frame in frames:
                    pixels = frame.pixels if self.has_alpha else frame.pixels[..., :3]
                    # Float, as one clip may have 8 bits, and another more.
                    yield replace(frame, pixels=as_float(pixels), time=start + frame.time)
                    end = start + frame.time + (frame.duration or 1 / clip.rate)

    @contextmanager
    def sound_file(self) -> Generator[SourceTracks | None, None, None]:
        """Write their sound to a temporary WAV file, with silence where one of them has none."""
        sources = [_sound_of(clip) for clip in self.clips]
        chosen = next((source for source in sources if source is not None), None)
        if chosen is None:
            yield None
            return
        wanted = sound_format(*chosen)
        edges = [round(time * wanted.sample_rate) for time in (*self.starts, self.end)]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "audio.wav"
            with WavFile(path, wanted.num_channels, wanted.sample_rate) as file:
                for source, start, end in zip(sources, edges, edges[1:]):  # noqa: B905  one edge more
                    check_cancelled()
                    for samples in read_sound(*(source or (None, 0)), wanted, end - start):
                        file.write(torch.from_numpy(samples))
            yield wav_tracks(path)


def _sound_of(clip: Clip) -> tuple[SourceTracks, int] | None:
    """Return which stream of a clip is heard: the last that FFmpeg knows, as in ComfyUI."""
    if clip.tracks is None:
        return None
    known = [number for number, s in enumerate(clip.tracks.audio) if s.codec != "unknown"]
    return (clip.tracks, known[-1]) if known else None


def _length(clip: Clip) -> Fraction:
    """Return for how many seconds a clip is shown."""
    if clip.length is not None:
        return clip.length
    with closing(clip.frames()) as frames:
        return sum(1 for _ in frames) / clip.rate


def _require_alike(clips: Sequence[Clip]) -> None:
    kinds = [
        f"{clip.width}x{clip.height}{clip.color.hdr_name and ', ' + clip.color.hdr_name}"
        for clip in clips
    ]
    for number, kind in enumerate(kinds[1:], 2):
        if kind != kinds[0]:
            raise InputError(
                f"video: part {number} is {kind}, not {kinds[0]} like the first. Resize or convert it "
                "before the parts are joined."
            )
