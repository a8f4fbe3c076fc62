"""What a command line asks for: typed, and never changed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from rife_arch import Evaluation, Quality, Scale
from rife_arch.load import Precision
from vfi.encode import EncodingSettings
from vfi.jobs import HdrMode
from vfi.preprocess import CutList, Duplicates, Match
from vfi.synthesis import AtCut
from vfi.timing import EndRule, SpeedCurve
from vfi.tracks import AudioMode
from vfi.visualize import Layout

STANDARD_OUTPUT = Path("-")
DEFAULT_IMAGE_RATE = Fraction(24)
"""Of a folder of images, which has no rate of its own; 24 is what video generators make."""


@dataclass(frozen=True)
class SourceOptions:
    """Which clips are worked on.

    Attributes:
        video: files, or folders of them; empty if there is ``img`` or ``join``.
        img: a folder of numbered images, None for videos.
        start: seconds; frames before are left out.
        end: seconds; frames from there on are left out. None: to the last one.
        source_fps: of the images, as the user gave it.
        image_rate: of the images, from the other rates where ``source_fps`` is not given.
        join: files, or folders of them, that are joined in this order; empty otherwise.
    """

    video: tuple[Path, ...]
    img: Path | None
    start: Fraction
    end: Fraction | None
    source_fps: Fraction | None
    image_rate: Fraction = DEFAULT_IMAGE_RATE
    join: tuple[Path, ...] = ()


@dataclass(frozen=True)
class OutputOptions:
    """Where results go, and how they are written.

    Attributes:
        output: the video, or the folder of images; ``STANDARD_OUTPUT`` for raw frames; None: named
            after the clip.
        out_dir: where results go that ``output`` does not place; None: beside the clip.
        ext: extension where ``output`` has none; None: the preset's.
        encoding: of videos.
        audio: what happens to audio.
        hdr: what happens to HDR where the result cannot hold it.
        png_only: write numbered images only.
        keep_pngs: write numbered images as well.
        picture_format: of images: "png" or "exr".
        overwrite: replace what is there.
        resume: go on where an interrupted run of the same job stopped.
    """

    output: Path | None
    out_dir: Path | None
    ext: str | None
    encoding: EncodingSettings
    audio: AudioMode
    hdr: HdrMode
    png_only: bool
    keep_pngs: bool
    picture_format: str
    overwrite: bool
    resume: bool

    @property
    def video_encoding(self) -> EncodingSettings | None:
        """How the result is encoded if it is a video file and nothing else, else None."""
        is_other = self.png_only or self.keep_pngs or self.output == STANDARD_OUTPUT
        return None if is_other else self.encoding

    @property
    def keeps_alpha(self) -> bool:
        """Whether any result can have transparency."""
        return self.png_only or self.keep_pngs or self.encoding.keeps_alpha


@dataclass(frozen=True)
class NetworkOptions:
    """Which network makes the frames, and where it runs.

    Attributes:
        model: a version, or a path.
        precision: of the convolutions.
        device: as torch calls it, or "auto"; several with commas between.
    """

    model: str
    precision: Precision
    device: str

    @property
    def devices(self) -> tuple[str, ...]:
        """Each device."""
        return tuple(self.device.split(","))


@dataclass(frozen=True)
class RifeOptions(NetworkOptions):
    """The same, for networks that interpolate, and how they are used."""

    model_version: str | None
    refine: bool
    torch_compile: bool
    evaluation: Evaluation
    ensemble: bool
    quality: Quality
    scale: Scale


@dataclass(frozen=True)
class JoinOptions:
    """How the parts of ``SourceOptions.join`` follow each other.

    Attributes:
        overlap: how many frames at the end of a part the next one repeats; 0: one is detected.
        match: whether and how each part gets the colours of the one before.
    """

    overlap: int = 0
    match: Match = field(default_factory=Match)


@dataclass(frozen=True)
class ClusterOptions:
    """Where several processes work.

    Attributes:
        ray: "local", "auto" or an address.
        workers: how many; None: as many as there is room for.
        gpus_per_worker: a part of one, or several; None: one where there are any.
        ship: the machines share no folder.
    """

    ray: str
    workers: int | None
    gpus_per_worker: float | None
    ship: bool


@dataclass(frozen=True)
class EnhanceOptions:
    """What ``inference_video_enhance.py`` is asked for."""

    source: SourceOptions
    output: OutputOptions
    network: NetworkOptions
    scene_threshold: float
    cuts: CutList
    list_presets: bool
    cluster: ClusterOptions | None = None


@dataclass(frozen=True)
class InterpolateOptions:
    """What ``inference_video.py`` is asked for.

    Attributes:
        multi: frames of the result per frame of the source, unless there is a ``target_fps``.
        target_fps: frame rate of the result; None for ``multi``.
        fps: at which the result is played, None for its own.
        speed: how fast the source plays.
        inspect: describe this checkpoint, and do nothing else; likewise ``convert`` and the lists.
    """

    source: SourceOptions
    output: OutputOptions
    network: RifeOptions
    multi: int
    target_fps: Fraction | None
    fps: Fraction | None
    speed: SpeedCurve
    loop: bool
    end_rule: EndRule
    scene_threshold: float
    cuts: CutList
    at_cut: AtCut
    duplicates: Duplicates
    mask: Path | None
    montage: Layout | None
    montage_labels: tuple[str, str] | None
    skip: bool
    demo: bool
    inspect: Path | None
    convert: tuple[Path, Path] | None
    list_models: bool
    list_presets: bool
    joining: JoinOptions = field(default_factory=JoinOptions)
    cluster: ClusterOptions | None = None


@dataclass(frozen=True)
class EvaluateOptions:
    """What ``evaluate.py`` is asked for.

    Attributes:
        clip: a video, a folder of images, or a folder of clips or of a data set.
        layout: of a folder: "auto", "clips" or a data set.
        start: seconds; frames before are left out.
        end: seconds; frames from there on are left out. None: to the last one.
        frames: how many are left out and made again, of each clip; None: as many as is usual.
        every: frames from one to the next of those that are looked at.
        models: versions, or paths; empty for all that are on disk.
        scales: of motion estimation, what ``RifeModel.encode`` takes.
        qualities: modes.
        json: where the figures go, None for nowhere; likewise ``pictures``, a folder, and ``plot``.
        compare: names of two entrants, of which it is asked whether the second is better.
        lpips: measure that too.
        overwrite: replace what is there.
    """

    clip: Path
    start: Fraction
    end: Fraction | None
    frames: int | None
    every: int
    layout: str
    models: tuple[str, ...]
    scales: tuple[Any, ...]
    qualities: tuple[Quality, ...]
    precision: Precision
    evaluation: Evaluation
    device: str
    json: Path | None
    pictures: Path | None
    plot: Path | None
    compare: tuple[str, str] | None
    lpips: bool
    overwrite: bool


def with_video(options: InterpolateOptions, path: Path) -> InterpolateOptions:
    """Take another video as the source."""
    return replace(options, source=replace(options.source, video=(path,)))
