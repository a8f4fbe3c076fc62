"""Make a video, or a folder of numbered pictures, smoother with RIFE. See --help and README.md."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from time import perf_counter
from types import FrameType

import torch
from torch import Tensor
from tqdm import tqdm

from cli import __version__ as __version__
from cli.checkpoints import convert_checkpoint, inspect_checkpoint, list_models, load_model
from cli.clips import Clip, Output, open_clip, open_writers, plan_montage, plan_output
from cli.options import build_parser
from cli.presets import list_presets
from rife_arch import CatalogError, DownloadError, RifeError, RifeModel
from vfi.cuts import Cut
from vfi.demo import make_test_clip
from vfi.errors import InputError, VfiError
from vfi.frames import Frame
from vfi.montage import Montage
from vfi.png import PngWriter
from vfi.prefetch import prefetched
from vfi.protocol import Interpolator
from vfi.stream import AtCut, interpolate_stream
from vfi.timing import format_rate
from vfi.writer import VideoWriter

_MOST_CUTS_SHOWN = 20
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
    elif args.list_presets:
        print(list_presets())
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
    montage = plan_montage(args, clip, output)
    writers = list(
        open_writers(args, clip, output, montage)
    )  # they refuse what they cannot write, early
    model = load_model(args)
    print(describe_job(args, clip, output, model))
    for note in _notes(args, model):
        print(f"note: {note}")
    cuts: list[Cut] = []
    started = perf_counter()
    with closing(make_frames(args, clip, output, montage, model, cuts.append)) as frames:
        num_frames = write_frames(frames, writers, total=_total(clip, output))
    seconds = perf_counter() - started
    target = " and ".join(str(path) for path in (output.video, output.pngs) if path)
    print(f"done: {target} ({num_frames} frames, {seconds:.1f} s, {num_frames / seconds:.1f} fps)")
    if cuts:
        print(describe_cuts(cuts))


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
        f"output  {targets}  {_count(_total(clip, output))} frames, "
        f"{format_rate(output.shown_rate)} fps, {_describe_sound(clip, output)}",
        f"model   RIFE {model.name}, {model.device}, {model.precision}, "
        f"scale {_flow_scale(args):g}",
    ]
    return "\n".join(lines)


def _describe_sound(clip: Clip, output: Output) -> str:
    if clip.audio is None or output.video is None:
        return "no sound"
    if output.keeps_speed:
        return "sound kept"
    has_new_rate = output.shown_rate != output.schedule.rate
    return f"sound dropped, because of {'--fps' if has_new_rate else 'the speed'}"


def _count(number: int | None) -> str:
    return "?" if number is None else str(number)


def _total(clip: Clip, output: Output) -> int | None:
    return None if clip.last_due is None else output.schedule.count(clip.last_due)


def _flow_scale(args: argparse.Namespace) -> float:
    return 0.5 if args.UHD and args.scale == 1 else args.scale


def _notes(args: argparse.Namespace, model: RifeModel) -> Iterator[str]:
    if args.skip:
        yield "--skip does nothing here; --duplicates smooth takes repeated frames out."
    if not args.target_fps and (note := model.note_on_multiplier(args.multi)):
        yield note


def describe_cuts(cuts: Sequence[Cut]) -> str:
    """Say where scenes begin; ``--cuts`` takes the frame numbers."""
    shown = [f"{cut.number} ({float(cut.time):.2f} s)" for cut in cuts[:_MOST_CUTS_SHOWN]]
    more = ["..."] if len(cuts) > _MOST_CUTS_SHOWN else []
    return f"cuts: {len(cuts)}, at frame {', '.join(shown + more)}"


def make_frames(
    args: argparse.Namespace,
    clip: Clip,
    output: Output,
    montage: Montage | None,
    model: RifeModel,
    report: Callable[[Cut], object],
) -> Generator[Tensor, None, None]:
    """Read the clip and yield what is written; closing this closes the source."""
    interpolator = Interpolator(
        partial(model.encode, scale=_flow_scale(args)),
        partial(model.interpolate_each, ensemble=args.ensemble, quality=args.quality),
        model.device,
    )
    with closing(prefetched(_source_frames(clip, report))) as frames:
        yield from interpolate_stream(
            frames,
            interpolator,
            output.schedule,
            at_cut=AtCut(args.at_cut),
            montage=montage,
        )


def _source_frames(clip: Clip, report: Callable[[Cut], object]) -> Generator[Frame, None, None]:
    """Read the clip and prepare its frames; closing this closes the source."""
    with closing(clip.frames()) as source:
        yield from clip.preparation.apply(source, 1 / clip.rate, report)


def write_frames(
    frames: Iterable[Tensor], writers: Sequence[VideoWriter | PngWriter], *, total: int | None
) -> int:
    """Write frame by frame; returns how many frames were written."""
    num_frames = 0
    with ExitStack() as stack:
        for writer in writers:
            stack.enter_context(writer)
        for pixels in stack.enter_context(tqdm(frames, total=total, unit="frame")):
            for writer in writers:
                writer.write(pixels.numpy())
            num_frames += 1
    return num_frames


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)  # so that a plain kill cleans up like Ctrl-C
    sys.exit(main())
