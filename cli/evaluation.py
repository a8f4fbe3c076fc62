"""A contest of checkpoints on a clip: what it is made of, and what is written of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from torch import Tensor

from rife_arch import CheckpointError, Quality, RifeModel, load_rife, scale_name
from vfi.errors import InputError
from vfi.files import is_taken
from vfi.frames import to_uint8
from vfi.image_files import encode_png
from vfi.measure import (
    Entrant,
    Part,
    Sample,
    Scores,
    Setting,
    find_best,
    find_quick,
    part_starts,
    rank,
)
from vfi.read import Clip, open_folder, open_video
from vfi.synthesis import Interpolator
from vfi.write import write_whole

from .checkpoints import choose_device
from .options import DEFAULT_IMAGE_RATE, EvaluateOptions

_PNG_LEVEL = 6


class Entrants:
    """Checkpoints, each in each setting; one network is in memory at a time."""

    def __init__(
        self,
        checkpoints: Mapping[str, Path],
        options: EvaluateOptions,
        notify: Callable[[str], object],
    ) -> None:
        """Load nothing yet.

        Args:
            checkpoints: what to call each -> its file.
            options: of the command line.
            notify: called with a sentence for each checkpoint that is left out.
        """
        self._checkpoints = dict(checkpoints)
        self._options = options
        self._notify = notify
        self._device = choose_device(options.device)
        # Names are for people; the values are what a network takes.
        self._ways: dict[tuple[str, str], tuple[Any, Quality]] = {
            (scale_name(scale), quality): (scale, quality)
            for scale, quality in product(options.scales, options.qualities)
        }

    @property
    def settings(self) -> list[Setting]:
        """Of all entrants."""
        return [Setting(name, *way) for name, way in product(self._checkpoints, self._ways)]

    def load(self, wanted: set[Setting] | None = None) -> Iterator[Entrant]:
        """Load one checkpoint after the other.

        Args:
            wanted: which entrants; None for all.

        Raises:
            CheckpointError: one that was asked for does not load. One that just lies there is left
                out, with a note.
        """
        wanted = set(self.settings) if wanted is None else wanted
        for name, path in list(self._checkpoints.items()):
            own = [setting for setting in self.settings if setting.model == name]
            if wanted.isdisjoint(own):
                continue
            model = self._load(name, path)
            for setting in own if model else ():
                if model and setting in wanted:
                    yield Entrant(setting, self._interpolator(model, setting))
            model = None  # before the next one is loaded

    def _load(self, name: str, path: Path) -> RifeModel | None:
        try:
            return load_rife(path, device=self._device, precision=self._options.precision)
        except CheckpointError as error:
            if self._options.models:
                raise
            self._notify(f"note: left out: {error}")
            del self._checkpoints[name]
            return None

    def _interpolator(self, model: RifeModel, setting: Setting) -> Interpolator[Any]:
        scale, quality = self._ways[setting.scale, setting.quality]
        return Interpolator(
            partial(model.encode, scale=scale),
            partial(model.interpolate_each, quality=quality),
            model.device,
        )


def open_parts(options: EvaluateOptions) -> list[Part]:
    """Open what is read of the clip: all of it, or parts that are spread over it.

    Raises:
        InputError: there is no such file, or nothing between start and end.
        DecodeError: it is no video.
    """
    path, begin = options.clip, options.start
    if path.is_dir():
        return [Part(open_folder(path, DEFAULT_IMAGE_RATE, begin, options.end), begin)]
    clip = _in_sdr(open_video(path, begin, options.end))
    starts, length = part_starts(clip.length, clip.rate, options.frames, options.every)
    if length is None:
        return [Part(clip, begin)]
    return [
        Part(_in_sdr(open_video(path, begin + start, begin + start + length)), begin + start)
        for start in starts
    ]


def _in_sdr(clip: Clip) -> Clip:
    """Convert HDR, which no PNG can show."""
    return clip.tone_mapped() if clip.color.is_hdr else clip


def refuse_existing(options: EvaluateOptions) -> None:
    """Refuse to replace what is there, and folders that are not there, before any work.

    Raises:
        InputError: the message says which.
    """
    for name, path in (("--json", options.json), ("--pictures", options.pictures)):
        if path is None:
            continue
        if not options.overwrite and is_taken(path):
            raise InputError(
                f"{path} exists already. Choose another {name}, or replace it with --overwrite."
            )
        if not path.parent.is_dir():
            raise InputError(
                f"{path}: there is no folder {path.parent}. Make it, or choose another {name}."
            )


def write_report(path: Path, clip: Path, sample: Sample, scores: Sequence[Scores]) -> None:
    """Write all figures as JSON.

    Raises:
        InputError: it cannot be written.
    """
    report = {
        "clip": str(clip),
        "frames": [triplet.number for triplet in sample.triplets],
        "times": [float(triplet.time) for triplet in sample.triplets],
        "places": sample.num_seen,
        "without_motion": sample.num_still,
        "across_cuts": sample.num_at_cuts,
        "best": str(find_best(scores).setting),
        "fastest_within_0.1_dB": str(find_quick(scores).setting),
        "results": [_as_json(each) for each in rank(scores)],
    }
    write_whole(path, json.dumps(report, indent=2).encode())


def _as_json(scores: Scores) -> dict[str, Any]:
    return {
        **scores.setting._asdict(),
        "psnr": scores.psnr,
        "ssim": scores.ssim,
        "sharpness": scores.sharpness,
        "seconds": scores.seconds,
        "frames": [
            {name: getattr(score, name) for name in ("psnr", "ssim", "sharpness", "seconds")}
            for score in scores.each
        ],
    }


def write_sheets(folder: Path, sheets: Sequence[Tensor]) -> list[Path]:
    """Write sheets as 1.png, 2.png and so on; returns their paths.

    Raises:
        InputError: they cannot be written.
    """
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{number}.png" for number in range(1, len(sheets) + 1)]
    for path, sheet in zip(paths, sheets, strict=True):
        pixels = to_uint8(sheet).numpy()
        write_whole(path, encode_png(pixels, compress_level=_PNG_LEVEL, text={}))
    return paths
