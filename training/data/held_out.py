"""Which samples are kept from training, to measure by: never a frame of which is trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256

from .manifest import Sample
from .options import CutOptions

_LEAST_CLIPS = 3  # of fewer none can be spared


def hold_out(clips: Mapping[str, Sequence[Sample]], options: CutOptions) -> list[Sample]:
    """Mark what is held out: whole clips, or the end of each where there are only one or two.

    Which clips depends on their paths and the seed only. Of one or two clips, what shares a frame with
    the end that is held out is left out; a clip that is too short to be divided is trained on.

    Args:
        clips: the samples of each, by path; at least one each.
        options: how much, and the seed.

    Returns:
        The samples, marked, in order.
    """
    if not options.held_out:
        return [sample for samples in clips.values() for sample in samples]
    if len(clips) < _LEAST_CLIPS:
        return [
            sample for samples in clips.values() for sample in _divided(samples, options.held_out)
        ]
    lots = sorted(clips, key=lambda clip: _lot(clip, options.seed))
    count = min(max(1, round(options.held_out * len(clips))), len(clips) - 1)
    chosen = set(lots[:count])
    return [
        replace(sample, held_out=clip in chosen)
        for clip, samples in clips.items()
        for sample in samples
    ]


def _lot(clip: str, seed: int) -> bytes:
    return sha256(f"{seed}/{clip}".encode("utf-8", "surrogateescape")).digest()


def _divided(samples: Sequence[Sample], share: float) -> list[Sample]:
    first = min(sample.times[0] for sample in samples)
    end = max(sample.times[-1] for sample in samples)
    latest = max(sample.times[0] for sample in samples)
    boundary = min(end - Fraction(share) * (end - first), latest)
    kept = [sample for sample in samples if sample.times[0] >= boundary]
    begin = min(sample.times[0] for sample in kept)
    trained = [sample for sample in samples if sample.times[-1] < begin]
    if not trained:
        return list(samples)
    return [*trained, *(replace(sample, held_out=True) for sample in kept)]
