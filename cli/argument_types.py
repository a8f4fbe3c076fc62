"""Words of a command line -> values, and what is wrong with a word that is none."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any, TypeVar

from rife_arch import Scale, parse_scale
from vfi.encode import parse_encoder_options
from vfi.errors import InputError, quoted
from vfi.preprocess import parse_cuts
from vfi.timing import (
    EndRule,
    SpeedCurve,
    constant_speed,
    parse_ramp,
    parse_rate,
    parse_speed,
    parse_timestamp,
)
from vfi.visualize import parse_labels

_WHOLE = re.compile(r"[0-9]{1,9}")
_MOST = 999_999_999
_MOST_WORKERS = 10_000
ResultT = TypeVar("ResultT")


class Removed(argparse.Action):
    """Upstream's --png, which is two options here."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Refuse it."""
        parser.error("--png was removed: use --png-only, or --keep-pngs to get the video as well")


class End(argparse.Action):
    """A time in the source, or a rule: ``--end`` took a rule first, and still does."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,  # noqa: ARG002  argparse passes it by this name
    ) -> None:
        """Store a time, or a rule."""
        rules = {rule.value: rule for rule in EndRule}
        if values in rules:
            namespace.end_rule = rules[values]
            return
        try:
            namespace.end = parse_timestamp(values)
        except InputError:
            parser.error(
                f"argument --end: {quoted(values)} is neither a time such as 12.5 or 1:02.5 nor one of "
                f"{', '.join(rules)}"
            )


def multiplier(text: str) -> int:
    """Read ``--multi``."""
    if not _WHOLE.fullmatch(text) or int(text) < 2:
        raise argparse.ArgumentTypeError(
            f"must be a whole number from 2 to {_MOST}, got {quoted(text)}"
        )
    return int(text)


def count(text: str) -> int:
    """Read ``--frames`` or ``--every``."""
    if not _WHOLE.fullmatch(text) or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f"must be a whole number from 1 to {_MOST}, got {quoted(text)}"
        )
    return int(text)


def count_or_none(text: str) -> int:
    """Read ``--overlap`` or ``--match-frames``; 0 is none."""
    if not _WHOLE.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"must be a whole number from 0 to {_MOST}, got {quoted(text)}"
        )
    return int(text)


def num_workers(text: str) -> int:
    """Read the number of workers."""
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= _MOST_WORKERS:
        raise argparse.ArgumentTypeError(
            f"must be a whole number from 1 to {_MOST_WORKERS}, got {quoted(text)}"
        )
    return int(text)


def share_of_gpu(text: str) -> float:
    """Read how much of a GPU a worker takes; whole ones, or a part of one."""
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not (0 <= share < 1 or share in range(1, 65)):
        raise argparse.ArgumentTypeError(
            f"must be a part of a GPU such as 0.5, or a whole number of them, got {quoted(text)}"
        )
    return share


def device(text: str) -> str:
    """Read ``--device`` of a program that uses one."""
    if "," in text:
        raise argparse.ArgumentTypeError(
            f"must be one device here, got {quoted(text)}; inference_video.py and "
            "inference_video_enhance.py take several"
        )
    return text


def devices(text: str) -> str:
    """Read ``--device`` of a program that uses one or several."""
    names = [name.strip() for name in text.split(",")]
    if len(names) > 1 and not all(name and name != "auto" for name in names):
        raise argparse.ArgumentTypeError(
            f"of several devices each must be named, such as cuda:0,cuda:1, got {quoted(text)}"
        )
    return ",".join(names)


def exponent(text: str) -> int:
    """Read ``--exp``."""
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= 6:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 6, got {quoted(text)}")
    return int(text)


def _explained(parse: Callable[[str], ResultT]) -> Callable[[str], ResultT]:
    """Let argparse show the message of an InputError."""

    def convert(text: str) -> ResultT:
        try:
            return parse(text)
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


@_explained
def speed(text: str) -> SpeedCurve:
    """Read ``--speed``."""
    return constant_speed(parse_speed(text))


rate = _explained(parse_rate)
timestamp = _explained(parse_timestamp)
ramp = _explained(parse_ramp)
cuts = _explained(parse_cuts)
labels = _explained(parse_labels)
encoder_options = _explained(parse_encoder_options)


def flow_scale(text: str) -> Scale:
    """Read ``--scale``."""
    try:
        return parse_scale(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def threshold(text: str) -> float:
    """Read ``--scene-threshold``."""
    threshold = float(text)
    if not threshold >= 0:
        raise argparse.ArgumentTypeError(f"must be 0 or more, got {quoted(text)}")
    return threshold
