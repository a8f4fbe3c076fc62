"""Make a video, or a folder of numbered pictures, smoother with RIFE. See --help and README.md."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from time import perf_counter
from types import FrameType

import torch
from tqdm import tqdm

from cli import __version__ as __version__
from cli.checkpoints import convert_checkpoint, inspect_checkpoint, list_models, load_model
from cli.clips import Clip, Output, open_clip, open_writers, plan_output
from cli.options import build_parser
from rife_arch import CatalogError, DownloadError, RifeError, RifeModel
from vfi.demo import make_test_clip
from vfi.errors import InputError, VfiError
from vfi.ffmpeg import VideoWriter
from vfi.png import PngWriter
from vfi.prefetch import prefetched
from vfi.protocol import Interpolator
from vfi.stream import interpolate_stream
from vfi.timing import EndRule, Schedule, format_rate

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    logging.basicConfig(format="%(levelname)s: %(message)s")
    args = build_parser().parse_args(argv)
    try:
        run(args)
    except KeyboardInterrupt:
        print("interrupted; nothing was written under the final name.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except (RifeError, VfiError) as error:
        if args.debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USAGE if _is_usage(error) else EXIT_FAILED
    except torch.OutOfMemoryError as error:
        if args.debug:
            raise
        reason = str(error).split("\n", 1)[0]
        print(f"error: {reason} Try --scale 0.5 or --precision fp16.", file=sys.stderr)
        return EXIT_FAILED
    return 0


def _is_usage(error: Exception) -> bool:
    """Tell a wrong option or name from a job that failed."""
    is_name = isinstance(error, CatalogError) and not isinstance(error, DownloadError)
    return is_name or isinstance(error, InputError)


def run(args: argparse.Namespace) -> None:
    """Do what the arguments ask for."""
    if args.inspect:
        print(inspect_checkpoint(args.inspect))
    elif args.convert:
        print(convert_checkpoint(*args.convert, overwrite=args.overwrite))
    elif args.list_models:
        print(list_models())
    else:
        interpolate(args)


def interpolate(args: argparse.Namespace) -> None:
    """Make the clip smoother: the main job."""
    if args.exp:
        args.multi = 2**args.exp
    if args.demo:
        args.video = make_demo(overwrite=args.overwrite)
    clip = open_clip(args)
    output = plan_output(args, clip)
    writers = list(open_writers(args, clip, output))  # they refuse what they cannot write, early
    model = load_model(args)
    print(describe_job(args, clip, output, model))
    if note := model.note_on_multiplier(args.multi):
        print(f"note: {note}")
    started = perf_counter()
    num_frames = write_output(args, clip, output, model, writers)
    seconds = perf_counter() - started
    target = " and ".join(str(path) for path in (output.video, output.pngs) if path)
    print(f"done: {target} ({num_frames} frames, {seconds:.1f} s, {num_frames / seconds:.1f} fps)")


def make_demo(*, overwrite: bool) -> Path:
    """Write a short moving clip into the current folder."""
    path = Path("demo.mp4")
    if path.exists() and not overwrite:
        raise InputError(
            f"{path}: expected no such file here, found one. Interpolate it with --video {path}, "
            "or replace it with --overwrite."
        )
    make_test_clip(path)
    return path


def describe_job(args: argparse.Namespace, clip: Clip, output: Output, model: RifeModel) -> str:
    """Say what is about to happen."""
    targets = ", ".join(str(path) for path in (output.video, output.pngs) if path)
    lines = [
        f"input   {clip.path}  {clip.width}x{clip.height}, {_count(clip.num_frames)} frames, "
        f"{format_rate(clip.rate)} fps",
        f"output  {targets}  {_count(_total(args, clip, output))} frames, "
        f"{format_rate(output.shown_rate)} fps, {_describe_sound(clip, output)}",
        f"model   RIFE {model.name}, {model.device}, {str(model.dtype).removeprefix('torch.')}, "
        f"scale {_flow_scale(args):g}",
    ]
    return "\n".join(lines)


def _describe_sound(clip: Clip, output: Output) -> str:
    if clip.audio is None or output.video is None:
        return "no sound"
    return "sound kept" if output.shown_rate == output.rate else "sound dropped, because of --fps"


def _count(number: int | None) -> str:
    return "?" if number is None else str(number)


def _total(args: argparse.Namespace, clip: Clip, output: Output) -> int | None:
    if clip.num_frames is None:
        return None
    return _schedule(args, clip, output).count((clip.num_frames - 1) / clip.rate)


def _schedule(args: argparse.Namespace, clip: Clip, output: Output) -> Schedule:
    return Schedule(output.rate, 1 / clip.rate, EndRule(args.end))


def _flow_scale(args: argparse.Namespace) -> float:
    return 0.5 if args.UHD and args.scale == 1 else args.scale


def write_output(
    args: argparse.Namespace,
    clip: Clip,
    output: Output,
    model: RifeModel,
    writers: Sequence[VideoWriter | PngWriter],
) -> int:
    """Interpolate and write frame by frame; returns how many frames were written."""
    interpolator = Interpolator(
        partial(model.encode, scale=_flow_scale(args)),
        partial(model.interpolate_each, ensemble=args.ensemble, quality=args.quality),
        model.device,
    )
    num_frames = 0
    with ExitStack() as stack:
        frames = stack.enter_context(closing(prefetched(clip.frames())))
        for writer in writers:
            stack.enter_context(writer)
        bar = stack.enter_context(tqdm(total=_total(args, clip, output), unit="frame"))
        for pixels in interpolate_stream(frames, interpolator, _schedule(args, clip, output)):
            for writer in writers:
                writer.write(pixels.numpy())
            num_frames += 1
            bar.update()
    return num_frames


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)  # so that a plain kill cleans up like Ctrl-C
    sys.exit(main())
