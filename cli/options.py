"""What a command line asks for: parsed once, typed, and never changed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar, cast

from rife_arch import Quality, Scale
from rife_arch.load import Precision
from vfi.encode import EncodingSettings
from vfi.errors import InputError
from vfi.jobs import HdrMode
from vfi.preprocess import DEFAULT_FADE, CutList, Duplicates, Match, Statistics
from vfi.synthesis import AtCut
from vfi.timing import EndRule, SpeedCurve
from vfi.tracks import AudioMode
from vfi.visualize import Layout

from .enhance_arguments import build_enhance_parser
from .evaluate_arguments import build_evaluate_parser
from .interpolate_arguments import build_parser

STANDARD_OUTPUT = Path("-")
DEFAULT_IMAGE_RATE = Fraction(24)
"""Of a folder of images, which has no rate of its own; 24 is what video generators make."""

KindT = TypeVar("KindT")


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
    """Which network makes the frames, and where it runs."""

    model: str
    precision: Precision
    device: str


@dataclass(frozen=True)
class RifeOptions(NetworkOptions):
    """The same, for networks that interpolate, and how they are used."""

    model_version: str | None
    refine: bool
    torch_compile: bool
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
        clip: a video, or a folder of images.
        start: seconds; frames before are left out.
        end: seconds; frames from there on are left out. None: to the last one.
        frames: how many are left out and made again.
        every: frames from one to the next of those that are looked at.
        models: versions, or paths; empty for all that are on disk.
        scales: of motion estimation, what ``RifeModel.encode`` takes.
        qualities: modes.
        json: where the figures go, None for nowhere; likewise ``pictures``, a folder.
        overwrite: replace what is there.
    """

    clip: Path
    start: Fraction
    end: Fraction | None
    frames: int
    every: int
    models: tuple[str, ...]
    scales: tuple[Any, ...]
    qualities: tuple[Quality, ...]
    precision: Precision
    device: str
    json: Path | None
    pictures: Path | None
    overwrite: bool


def parse_interpolation(argv: Sequence[str]) -> InterpolateOptions:
    """Parse the command line of ``inference_video.py``.

    Raises:
        ArgumentsError: the arguments are wrong.
        InputError: they do not go together.
    """
    args = build_parser().parse_args(argv)
    if args.montage_labels and not args.montage:
        raise InputError("--montage-labels requires --montage.")
    joining = _joining(args)
    if args.UHD and args.scale == 1:
        args.scale = 0.5
    multi = 2**args.exp if args.exp else args.multi
    image_rate = args.fps / multi if args.fps and not args.target_fps else DEFAULT_IMAGE_RATE
    return _pick(
        args,
        InterpolateOptions,
        source=_source(args, image_rate),
        output=_output(args),
        network=_pick(args, RifeOptions),
        multi=multi,
        at_cut=AtCut(args.at_cut),
        duplicates=Duplicates(args.duplicates),
        montage=Layout(args.montage) if args.montage else None,
        convert=tuple(args.convert) if args.convert else None,
        joining=joining,
        cluster=_cluster(args),
    )


def parse_enhancement(argv: Sequence[str]) -> EnhanceOptions:
    """Parse the command line of ``inference_video_enhance.py``.

    Raises:
        ArgumentsError: the arguments are wrong.
    """
    args = build_enhance_parser().parse_args(argv)
    return _pick(
        args,
        EnhanceOptions,
        source=_source(args, DEFAULT_IMAGE_RATE),
        output=_output(args),
        network=_pick(args, NetworkOptions),
        cluster=_cluster(args),
    )


def parse_evaluation(argv: Sequence[str]) -> EvaluateOptions:
    """Parse the command line of ``evaluate.py``; what is given twice counts once.

    Raises:
        ArgumentsError: the arguments are wrong.
    """
    args = build_evaluate_parser().parse_args(argv)
    return _pick(
        args,
        EvaluateOptions,
        models=tuple(dict.fromkeys(args.model)),
        scales=tuple(dict.fromkeys(args.scale)),
        qualities=tuple(dict.fromkeys(args.quality)),
    )


def with_video(options: InterpolateOptions, path: Path) -> InterpolateOptions:
    """Take another video as the source."""
    return replace(options, source=replace(options.source, video=(path,)))


def _joining(args: argparse.Namespace) -> JoinOptions:
    """Read how parts are joined, and refuse what does not go together with joining."""
    given = {
        name: value
        for name in ("overlap", "match", "match_frames")
        if (value := getattr(args, name)) is not None
    }
    if given and not args.join:
        raise InputError(f"--{next(iter(given)).replace('_', '-')} requires --join.")
    if args.join and (args.start or args.end is not None):
        raise InputError(
            "--start and --end times cannot be used with --join. Cut the parts before, or the result."
        )
    if args.join and args.source_fps:
        raise InputError("--source-fps requires --img: videos have a frame rate of their own.")
    statistics = Statistics(given.get("match", Statistics.OFF.value).replace("-", " "))
    if "match_frames" in given and statistics is Statistics.OFF:
        raise InputError("--match-frames requires --match.")
    return JoinOptions(
        given.get("overlap", 0), Match(statistics, given.get("match_frames", DEFAULT_FADE))
    )


def _cluster(args: argparse.Namespace) -> ClusterOptions | None:
    """Read where work is spread to, and refuse what cannot be spread."""
    if args.ray is None:
        for name in ("workers", "gpus_per_worker", "ship"):
            if getattr(args, name):
                raise InputError(f"--{name.replace('_', '-')} requires --ray.")
        return None
    if args.output == STANDARD_OUTPUT:
        raise InputError("--ray cannot be used with --output -: name a file, or a folder.")
    if getattr(args, "join", None):
        raise InputError(
            "--ray cannot be used with --join. Join the parts first, with --preset lossless, and use "
            "--ray on the result."
        )
    return _pick(args, ClusterOptions)


def _source(args: argparse.Namespace, image_rate: Fraction) -> SourceOptions:
    return _pick(
        args,
        SourceOptions,
        video=tuple(args.video or ()),
        join=tuple(getattr(args, "join", None) or ()),
        image_rate=args.source_fps or image_rate,
    )


def _output(args: argparse.Namespace) -> OutputOptions:
    encoding = EncodingSettings(
        args.preset, args.crf, args.encoder_speed, args.ffmpeg_options, args.dither
    )
    return _pick(
        args, OutputOptions, encoding=encoding, audio=AudioMode(args.audio), hdr=HdrMode(args.hdr)
    )


def _pick(args: argparse.Namespace, kind: type[KindT], **known: Any) -> KindT:
    """Make a dataclass of the arguments that have the names of its fields."""
    names = {field.name for field in fields(cast(Any, kind))} - known.keys()
    return kind(**known, **{name: getattr(args, name) for name in names if name in args})
