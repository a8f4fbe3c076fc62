"""Where frames come from and where they go."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

from vfi.errors import InputError
from vfi.ffmpeg import AudioSource, VideoWriter
from vfi.frames import Frame
from vfi.media import probe_video, read_video
from vfi.png import PngWriter, probe_image_folder, read_image_folder
from vfi.timing import format_rate

FOLDER_RATE = Fraction(24)  # a picture folder has no rate; 24 is what video generators make


@dataclass(frozen=True)
class Clip:
    """A source, whether video or folder.

    Attributes:
        path: the file or folder.
        frames: opens it and yields its frames.
        width: px.
        height: px.
        rate: frames per second.
        num_frames: an estimate, None if unknown.
        pixel_aspect: width of a pixel divided by its height.
        audio: its sound, None if there is none.
    """

    path: Path
    frames: Callable[[], Generator[Frame, None, None]]
    width: int
    height: int
    rate: Fraction
    num_frames: int | None
    pixel_aspect: Fraction = Fraction(1)
    audio: AudioSource | None = None


@dataclass(frozen=True)
class Output:
    """Where the result goes.

    Attributes:
        video: the video file, None for pictures only.
        pngs: the picture folder, None for video only.
        rate: frames per second made from one second of the source.
        shown_rate: frames per second the video file says it has; differs for slow motion.
    """

    video: Path | None
    pngs: Path | None
    rate: Fraction
    shown_rate: Fraction


def open_clip(args: argparse.Namespace) -> Clip:
    """Look at the source, without decoding it yet."""
    if args.img:
        folder = probe_image_folder(args.img)
        rate = args.fps / args.multi if args.fps else FOLDER_RATE
        frames = partial(read_image_folder, folder, rate)
        return Clip(args.img, frames, folder.width, folder.height, rate, len(folder.files))
    info = probe_video(args.video)
    codecs = tuple(stream.codec for stream in info.audio)
    return Clip(
        path=args.video,
        frames=partial(read_video, info),
        width=info.width,
        height=info.height,
        rate=info.rate,
        num_frames=info.num_frames,
        pixel_aspect=info.pixel_aspect,
        audio=AudioSource(info.path, codecs, info.start) if codecs else None,
    )


def plan_output(args: argparse.Namespace, clip: Clip) -> Output:
    """Decide names and rates, and refuse to touch what is already there."""
    rate = clip.rate * args.multi
    shown_rate = args.fps or rate
    pngs = None
    if args.png_only:
        pngs = args.output or Path("vid_out")
    elif args.keep_pngs:
        pngs = Path("vid_out")
    video = None if args.png_only else _video_path(args, clip, shown_rate)
    for target in (video, pngs):
        if target and target.exists():
            _refuse_existing(target, clip.path, overwrite=args.overwrite)
    return Output(video, pngs, rate, shown_rate)


def _refuse_existing(target: Path, source: Path, *, overwrite: bool) -> None:
    if target.samefile(source):
        raise InputError(
            f"{target}: expected a name other than the input's, which would be lost. "
            "Choose another --output."
        )
    if not overwrite and (target.is_file() or any(target.iterdir())):
        raise InputError(
            f"{target}: expected a new name, found an existing file or folder. "
            "Choose another --output, or replace it with --overwrite."
        )


def _video_path(args: argparse.Namespace, clip: Clip, rate: Fraction) -> Path:
    if args.output is None:
        source = clip.path if clip.path.name.strip(".") else clip.path.resolve()  # "." has no name
        return source.with_name(f"{source.stem}_{args.multi}X_{format_rate(rate)}fps.{args.ext}")
    if args.output.is_dir():
        raise InputError(
            f"{args.output}: expected a file name, got a folder. "
            f"Add a name, such as {args.output / 'out.mp4'}."
        )
    if args.output.suffix:
        return args.output
    return args.output.with_name(f"{args.output.name}.{args.ext}")


def open_writers(
    args: argparse.Namespace, clip: Clip, output: Output
) -> Iterator[VideoWriter | PngWriter]:
    """Make a writer for each target."""
    if output.pngs:
        yield PngWriter(output.pngs, overwrite=args.overwrite)
    if output.video:
        keeps_sound = output.shown_rate == output.rate
        yield VideoWriter(
            output.video,
            width=clip.width,
            height=clip.height,
            rate=output.shown_rate,
            pixel_aspect=clip.pixel_aspect,
            audio=clip.audio if keeps_sound else None,
            notify=print,
        )
