"""A contest of checkpoints: the entrants, what is read of a clip, and where results go."""

from __future__ import annotations

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
from vfi.measure import BLEND, Entrant, Part, Setting, part_starts
from vfi.read import Clip, open_folder, open_video
from vfi.synthesis import Interpolator
from vfi.write import write_whole

from .checkpoints import choose_device
from .evaluate_arguments import DEFAULT_FRAMES
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
        self._given = _names_given(options.models, list(checkpoints))
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

    def find(self, name: str) -> Setting:
        """Find the entrant that ``--compare`` names.

        ``NAME``, ``NAME@SCALE`` or ``NAME@SCALE@QUALITY``; what is left out must be the only one there is.
        A name is one of ``--model`` as it was given, its file name, or what the table shows; "blend" is the
        blend.

        Raises:
            InputError: there is none, or there are several.
        """
        if name == BLEND.model:
            return BLEND
        for parts in ([name], name.rsplit("@", 1), name.rsplit("@", 2)):
            model = self._given.get(parts[0], parts[0])
            found = [
                setting
                for setting in self.settings
                if setting.model == model and list(setting[1 : len(parts)]) == parts[1:]
            ]
            if len(found) == 1:
                return found[0]
            if found:
                raise InputError(
                    f"--compare {name}: there are several of that name: {_name_all(found)}. Name one."
                )
        raise InputError(
            f"--compare {name}: there is no such entrant. There are {_name_all(self.settings)} and "
            f"{BLEND.model}."
        )

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
            model = load_rife(
                path,
                device=self._device,
                precision=self._options.precision,
                evaluation=self._options.evaluation,
            )
        except CheckpointError as error:
            if self._options.models:
                raise
            self._notify(f"note: left out: {error}")
            del self._checkpoints[name]
            return None
        for scale in self._options.scales:
            model.require_evaluation(scale=scale)
        return model

    def _interpolator(self, model: RifeModel, setting: Setting) -> Interpolator[Any]:
        scale, quality = self._ways[setting.scale, setting.quality]
        return Interpolator(
            partial(model.encode, scale=scale),
            partial(model.interpolate_each, quality=quality),
            model.device,
        )


def _names_given(given: Sequence[str], shown: Sequence[str]) -> dict[str, str]:
    """Say for what was given, and for file names that only one of these has, what it is called here."""
    if len(given) != len(shown):
        return {}
    files = [Path(name).name for name in given]
    unique = {file: name for file, name in zip(files, shown, strict=True) if files.count(file) == 1}
    return unique | dict(zip(given, shown, strict=True))


def _name_all(settings: Sequence[Setting]) -> str:
    return ", ".join("@".join(setting) for setting in settings)


def open_parts(path: Path, options: EvaluateOptions) -> list[Part]:
    """Open what is read of a clip: all of it, or parts that are spread over it.

    Raises:
        InputError: there is no such file, or nothing between start and end.
        DecodeError: it is no video.
    """
    begin = options.start
    if path.is_dir():
        return [Part(open_folder(path, DEFAULT_IMAGE_RATE, begin, options.end), begin)]
    clip = _in_sdr(open_video(path, begin, options.end))
    count = options.frames or DEFAULT_FRAMES
    starts, length = part_starts(clip.length, clip.rate, count, options.every)
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
    outputs = {"--json": options.json, "--pictures": options.pictures, "--plot": options.plot}
    paths = [path.resolve() for path in outputs.values() if path is not None]
    if len(set(paths)) < len(paths):
        raise InputError(f"{' and '.join(outputs)} must name different files.")
    for name, path in outputs.items():
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
        if path.is_dir() and name != "--pictures":
            raise InputError(f"{path} is a folder. Name a file for {name}.")


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
