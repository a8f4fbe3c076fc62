"""Arguments -> options: a command line is parsed once, and refused if it cannot be meant."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import fields
from fractions import Fraction
from typing import Any, TypeVar, cast

from vfi.encode import EncodingSettings
from vfi.errors import InputError
from vfi.jobs import HdrMode
from vfi.preprocess import DEFAULT_FADE, Duplicates, Match, Statistics
from vfi.synthesis import AtCut
from vfi.tracks import AudioMode
from vfi.visualize import Layout

from .enhance_arguments import build_enhance_parser
from .evaluate_arguments import build_evaluate_parser
from .interpolate_arguments import build_parser
from .options import (
    DEFAULT_IMAGE_RATE,
    STANDARD_OUTPUT,
    ClusterOptions,
    EnhanceOptions,
    EvaluateOptions,
    InterpolateOptions,
    JoinOptions,
    NetworkOptions,
    OutputOptions,
    RifeOptions,
    SourceOptions,
)

KindT = TypeVar("KindT")
NetworkT = TypeVar("NetworkT", bound=NetworkOptions)


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
        network=_network(args, RifeOptions),
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
        network=_network(args, NetworkOptions),
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
        compare=tuple(args.compare) if args.compare else None,
    )


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
            if getattr(args, name) is not None and getattr(args, name) is not False:
                raise InputError(f"--{name.replace('_', '-')} requires --ray.")
        return None
    _require_spreadable(args, "--ray")
    return _pick(args, ClusterOptions)


def _network(args: argparse.Namespace, kind: type[NetworkT]) -> NetworkT:
    """Read the network, and refuse several devices where they cannot be used."""
    network = _pick(args, kind)
    if len(network.devices) > 1:
        if args.ray is not None:
            raise InputError(
                "--ray gives its workers a device each. Leave out --device, or name one kind of device."
            )
        _require_spreadable(args, "--device with several devices")
    return network


def _require_spreadable(args: argparse.Namespace, option: str) -> None:
    """Refuse what one process has to do."""
    if args.output == STANDARD_OUTPUT:
        raise InputError(f"{option} cannot be used with --output -: name a file, or a folder.")
    if getattr(args, "join", None):
        raise InputError(
            f"{option} cannot be used with --join. Join the parts first, with --preset lossless, and use "
            "it on the result."
        )


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
