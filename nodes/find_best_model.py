"""FindBestModelRIFE: which checkpoint, scale and quality suits a clip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, cast

import torch
from comfy_api.latest import Input, io, ui
from torch import Tensor

from ..rife_arch import QUALITIES, SCALES, CheckpointError, Quality, scale_name
from ..rife_arch.catalog import checkpoints_at_hand
from ..vfi.errors import InputError, quoted
from ..vfi.jobs import HdrMode, fit_color
from ..vfi.measure import (
    Entrant,
    Part,
    Setting,
    compete,
    describe_sample,
    draw_sheets,
    find_places,
    find_quick,
    in_sheets,
    name_winner,
    tabulate,
    take_sample,
)
from ..vfi.read import Clip
from .support.batch import make_interpolator
from .support.checked import checked
from .support.clip_source import open_frames
from .support.interpolation_inputs import InterpolationOptions
from .support.model_inputs import RECOMMENDED, check_checkpoint
from .support.model_paths import find_checkpoint, search_folders
from .support.progress import Progress, check_cancelled, show_text
from .support.sockets import INSPECT_CATEGORY, clip_input, load_managed
from .support.validation import check_inputs

_SCALES = [scale_name(scale) for scale in SCALES]


class FindBestModelRIFE(io.ComfyNode):
    """Compare checkpoints on the user's own clip."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="FindBestModelRIFE",
            display_name="Find Best Model (RIFE)",
            category=INSPECT_CATEGORY,
            description="Find out which model, scale and quality suits a clip: leaves frames of it out, "
            "makes them again with each, and compares them with the real ones. Gives a table, and "
            "pictures of the places where the results differ most.",
            search_aliases=["compare models", "evaluate", "benchmark", "PSNR", "which model"],
            inputs=[
                clip_input("images", "Frames in order, at least three, or a VIDEO."),
                io.String.Input(
                    "models",
                    default="",
                    tooltip="Versions, downloaded if needed, and files of your own, with commas between. "
                    "Empty: all that are on disk.",
                ),
                io.String.Input(
                    "scales",
                    default="1",
                    tooltip=f"Values of scale to try, of {', '.join(_SCALES)}, with commas between.",
                ),
                io.String.Input(
                    "qualities",
                    default=QUALITIES[0],
                    tooltip=f"Values of quality to try, of {', '.join(QUALITIES)}, with commas between.",
                ),
                io.Int.Input(
                    "frames",
                    default=12,
                    min=1,
                    max=100,
                    tooltip="How many frames are left out and made again, spread over the clip. They and "
                    "their neighbours are kept in memory.",
                ),
                io.Int.Input(
                    "every",
                    default=1,
                    min=1,
                    max=32,
                    advanced=True,
                    tooltip="Take only each frame of this number: more makes motion larger, and leaves "
                    "out repeated frames.",
                ),
            ],
            outputs=[
                io.String.Output(
                    display_name="table",
                    tooltip="PSNR, SSIM, sharpness and time of each, best first, and which to take.",
                ),
                io.Image.Output(
                    display_name="sheets",
                    tooltip="Where the results differ most: the real frame, then what each made of it.",
                ),
            ],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo, io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, input_types: dict[str, str], **values: Any) -> bool:
        """Refuse what is wrong before anything runs."""
        check_inputs(cls, values, input_types)
        for name, options in (("scales", _SCALES), ("qualities", QUALITIES)):
            if values.get(name) is not None:
                _choose(values[name], name, options)
        for model in _words(values.get("models") or ""):
            if (answer := check_checkpoint(model)) is not True:
                raise InputError(f"models: {answer}")
        return True

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> list[str]:
        """Run again when there are other files on disk."""
        return list(checkpoints_at_hand(search_folders()))

    @classmethod
    @checked
    def execute(
        cls,
        images: Tensor | Input.Video,
        models: str,
        scales: str,
        qualities: str,
        frames: int,
        every: int,
    ) -> io.NodeOutput:
        """Hold the contest."""
        ways = list(
            product(_choose(scales, "scales", _SCALES), _choose(qualities, "qualities", QUALITIES))
        )
        notes: list[str] = []
        with open_frames(images) as source:
            clip = fit_color(source, None, HdrMode.TONE_MAP, notes.append)
            contest = _Contest(_checkpoints(models), ways, clip, notes, is_lenient=not models)
            sample = take_sample([Part(clip)], frames, every, check_cancelled)
        total = (len(contest.checkpoints) * len(ways) + 1) * len(sample.triplets)
        progress = _Counter(Progress(total, node=cls, shows_frames=False))
        scores = list(compete(contest.entrants(), sample.triplets, progress))
        if not contest.checkpoints:
            raise InputError(f"models: no checkpoint on disk could be loaded. {notes[-1]}")
        sheets = draw_sheets(
            contest.entrants(in_sheets(scores)),
            scores,
            sample.triplets,
            find_places(scores, sample.triplets),
            lambda _: check_cancelled(),
        )
        show_text(cls, f"take {find_quick(scores).setting} · {describe_sample(sample)}", notes)
        batch = torch.stack(sheets)
        text = f"{tabulate(scores)}\n\n{name_winner(scores)}"
        return io.NodeOutput(text, batch, ui=ui.PreviewImage(batch, cls=cls))


@dataclass
class _Counter:
    """Reports one more frame at each call."""

    progress: Progress
    number: int = 0

    def __call__(self, _: Setting) -> None:
        self.number += 1
        self.progress(self.number)


@dataclass
class _Contest:
    """Checkpoints, each used in several ways; one network is held at a time.

    Attributes:
        checkpoints: what to call each -> its file.
        ways: scale and quality.
        clip: what they are tried on.
        notes: gets a sentence for each checkpoint that is left out.
        is_lenient: a file that is no RIFE network is left out, and no error.
    """

    checkpoints: dict[str, Path]
    ways: Sequence[tuple[str, str]]
    clip: Clip
    notes: list[str]
    is_lenient: bool

    def entrants(self, wanted: set[Setting] | None = None) -> Iterator[Entrant]:
        """Load one checkpoint after the other; all, or those that are wanted."""
        for name, path in list(self.checkpoints.items()):
            own = {
                Setting(name, *way): InterpolationOptions(way[0], cast(Quality, way[1]))
                for way in self.ways
            }
            if wanted is not None:
                own = {setting: way for setting, way in own.items() if setting in wanted}
            if own:
                yield from self._load(name, path, own)

    def _load(
        self, name: str, path: Path, own: Mapping[Setting, InterpolationOptions]
    ) -> Iterator[Entrant]:
        try:
            model = load_managed(path)
        except CheckpointError as error:
            if not self.is_lenient:
                raise
            self.notes.append(f"{name} was left out: {error}")
            del self.checkpoints[name]
            return
        for setting, options in own.items():
            height, width = self.clip.height, self.clip.width
            yield Entrant(setting, make_interpolator(model, height, width, options))


def _checkpoints(models: str) -> dict[str, Path]:
    if names := _words(models):
        return {name: find_checkpoint(name) for name in names}
    if found := checkpoints_at_hand(search_folders()):
        return found
    raise InputError(
        f"models: no checkpoint is on disk. Type versions to download, such as {RECOMMENDED}, 4.26."
    )


def _choose(text: str, name: str, options: Sequence[str]) -> list[str]:
    """Read a list of choices.

    Raises:
        InputError: one is not among the options, or there is none.
    """
    words = _words(text)
    wrong = next((word for word in words if word not in options), None)
    if wrong is not None or not words:
        raise InputError(
            f"{name}: choose of {', '.join(options)}, with commas between; got {quoted(wrong or text)}."
        )
    return words


def _words(text: str) -> list[str]:
    """Split at commas; what is there twice counts once."""
    return list(dict.fromkeys(word for part in text.split(",") if (word := part.strip())))
