"""The command line of ``train.py``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from cli import argument_types as types
from cli.arguments import Group, Parser

from .data import AugmentOptions, CutOptions, Timesteps
from .losses import LossOptions
from .options import FROZEN, TRAINING_PRECISIONS, OptimizerOptions, TrainOptions

MARGIN = 32  # px by which a stored crop is larger than what is trained on: room to shift it
_DESCRIPTION = (
    "Fine-tune a RIFE checkpoint of 4.x on your own clips. Leaves frames of them out, and trains the network to make "
    "them again. See docs/training.md for how much footage, how long it takes and when not to."
)


def build_parser() -> Parser:
    """Describe the command line."""
    parser = Parser(prog="train.py", description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="clips, and folders of numbered pictures"
    )
    _add_run_options(parser.add_argument_group("run"))
    _add_data_options(parser.add_argument_group("samples"))
    _add_loss_options(parser.add_argument_group("loss"))
    _add_optimizer_options(parser.add_argument_group("optimizer"))
    parser.add_argument("--debug", action="store_true", help="show tracebacks of errors")
    return parser


def parse_training(argv: Sequence[str]) -> TrainOptions:
    """Read the command line.

    Raises:
        ArgumentsError: it is wrong.
        InputError: a value is.
    """
    args = build_parser().parse_args(argv)
    return TrainOptions(
        folder=args.folder,
        model=args.model,
        output=args.output,
        cache=args.cache or args.output / "samples",
        licence=args.licence,
        cutting=CutOptions(args.crop + MARGIN, args.span, args.per_clip, args.held_out, args.seed),
        augmentation=_read_augmentation(args),
        loss=LossOptions(args.block_decay, args.census, args.perceptual, args.vgg),
        optimizer=_read_optimizer(args),
        device=args.device,
        workers=args.workers,
        save_every=args.save_every,
        show_every=args.show_every,
        resume=args.resume,
    )


def _share(text: str) -> float:
    """Read a share that is not everything."""
    value = _factor(text)
    if value == 1:
        raise argparse.ArgumentTypeError(f"must be below 1, got {text}")
    return value


def _factor(text: str) -> float:
    """Read a factor from 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1, got {text}")
    return value


def _read_augmentation(args: argparse.Namespace) -> AugmentOptions:
    return AugmentOptions(
        crop=args.crop,
        flip=not args.no_flip,
        rotate=not args.no_rotate,
        reverse=not args.no_reverse,
        resize=not args.no_resize,
        channels=args.channels,
        timesteps=args.timesteps,
    )


def _read_optimizer(args: argparse.Namespace) -> OptimizerOptions:
    return OptimizerOptions(
        steps=args.steps,
        batch=args.batch,
        accumulate=args.accumulate,
        lr=args.lr,
        last_lr=args.lr / 100 if args.last_lr is None else args.last_lr,
        warm_up=args.warm_up,
        weight_decay=args.weight_decay,
        clip_norm=args.clip_norm,
        ema=args.ema,
        freeze=args.freeze,
        precision=args.precision,
        seed=args.seed,
    )


def _add_run_options(group: Group) -> None:
    group.add_argument(
        "--model", default="4.25", metavar="NAME", help="a version, or a checkpoint (default 4.25)"
    )
    group.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the run; its name ends that of the checkpoint",
    )
    group.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="where samples are kept (default: samples in --output)",
    )
    group.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    group.add_argument(
        "--licence",
        default="",
        metavar="TEXT",
        help="what the checkpoint says of its use, such as CC BY 4.0",
    )
    group.add_argument(
        "--device",
        type=types.device,
        default="auto",
        metavar="D",
        help="cpu, cuda, cuda:1, mps (default auto)",
    )
    group.add_argument(
        "--workers",
        type=types.count,
        default=2,
        metavar="N",
        help="threads that prepare samples (default 2)",
    )
    group.add_argument(
        "--save-every",
        type=types.count,
        default=200,
        metavar="N",
        help="keep the state after each N steps (default 200)",
    )
    group.add_argument(
        "--show-every",
        type=types.count,
        default=200,
        metavar="N",
        help="make the held-out frames after each N steps (default 200)",
    )


def _add_data_options(group: Group) -> None:
    group.add_argument(
        "--span",
        type=types.count,
        default=CutOptions.span,
        metavar="N",
        help="frames from a sample's first to its last: more is larger motion (default 4)",
    )
    group.add_argument(
        "--per-clip",
        type=types.count,
        default=CutOptions.most_per_clip,
        metavar="N",
        help="samples of a clip, at most (default 200)",
    )
    group.add_argument(
        "--held-out",
        type=_share,
        default=CutOptions.held_out,
        metavar="SHARE",
        help="share of the clips kept from training, to measure by (default 0.1)",
    )
    group.add_argument(
        "--timesteps",
        choices=get_args(Timesteps),
        default="any",
        help="which frames are left out: those halfway, at quarters, or any (default any)",
    )
    group.add_argument(
        "--crop",
        type=types.count,
        default=256,
        metavar="N",
        help="side of what is trained on, px (default 256)",
    )
    for name, what in (
        ("flip", "mirrored"),
        ("rotate", "turned by 90 degrees"),
        ("reverse", "played backwards"),
        ("resize", "made larger or smaller"),
    ):
        group.add_argument(f"--no-{name}", action="store_true", help=f"no samples are {what}")
    group.add_argument("--channels", action="store_true", help="shuffle red, green and blue")


def _add_loss_options(group: Group) -> None:
    group.add_argument(
        "--block-decay",
        type=_factor,
        default=LossOptions.block_decay,
        metavar="F",
        help="what the frame after a block counts, relative to that after the next; 0 counts the last (default 0.8)",
    )
    group.add_argument(
        "--census",
        type=types.threshold,
        default=0.0,
        metavar="W",
        help="weight of the census loss: structure, whatever the brightness (default 0)",
    )
    group.add_argument(
        "--perceptual",
        type=types.threshold,
        default=0.0,
        metavar="W",
        help="weight of the perceptual loss: sharper, less exact (default 0)",
    )
    group.add_argument(
        "--vgg", type=Path, metavar="FILE", help="VGG-19 of torchvision, for --perceptual"
    )


def _add_optimizer_options(group: Group) -> None:
    defaults = OptimizerOptions()
    group.add_argument(
        "--steps",
        type=types.count,
        default=defaults.steps,
        metavar="N",
        help=f"how often the weights are changed (default {defaults.steps})",
    )
    group.add_argument(
        "--batch",
        type=types.count,
        default=defaults.batch,
        metavar="N",
        help=f"samples of a step, over all processes (default {defaults.batch})",
    )
    group.add_argument(
        "--accumulate",
        type=types.count,
        default=1,
        metavar="N",
        help="go through them in N parts, to save memory (default 1)",
    )
    group.add_argument(
        "--lr",
        type=types.threshold,
        default=defaults.lr,
        metavar="F",
        help=f"learning rate (default {defaults.lr:g})",
    )
    group.add_argument(
        "--last-lr",
        type=types.threshold,
        metavar="F",
        help="learning rate at the end (default: a hundredth)",
    )
    group.add_argument(
        "--warm-up",
        type=types.count_or_none,
        default=defaults.warm_up,
        metavar="N",
        help=f"steps in which it rises from 0 (default {defaults.warm_up})",
    )
    group.add_argument(
        "--weight-decay",
        type=types.threshold,
        default=defaults.weight_decay,
        metavar="F",
        help=f"of AdamW (default {defaults.weight_decay:g})",
    )
    group.add_argument(
        "--clip-norm",
        type=types.threshold,
        default=defaults.clip_norm,
        metavar="F",
        help=f"shorten gradients to this norm (default {defaults.clip_norm:g})",
    )
    group.add_argument(
        "--ema",
        type=_share,
        default=defaults.ema,
        metavar="F",
        help=f"what the averaged weights keep at each step (default {defaults.ema:g})",
    )
    group.add_argument(
        "--freeze", choices=FROZEN, default="nothing", help="what is not trained (default nothing)"
    )
    group.add_argument(
        "--precision",
        choices=TRAINING_PRECISIONS,
        default="fp32",
        help="of the convolutions (default fp32)",
    )
    group.add_argument(
        "--seed", type=types.count_or_none, default=0, metavar="N", help="of all chance (default 0)"
    )
