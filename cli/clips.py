"""Where frames come from and where they go."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path

from vfi.errors import InputError
from vfi.frames import Frame
from vfi.media import probe_video, read_video
from vfi.montage import Layout, Montage, label_texts
from vfi.png import PngWriter, probe_image_folder, read_image_folder, read_mask
from vfi.prepare import Duplicates, Preparation
from vfi.presets import find_preset
from vfi.timing import EndRule, Schedule, SpeedCurve, format_rate
from vfi.writer import AudioSource, VideoWriter

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
        preparation: what is done to its frames before new ones are put between them.
    """

    path: Path
    frames: Callable[[], Generator[Frame, None, None]]
    width: int
    height: int
    rate: Fraction
    num_frames: int | None
    pixel_aspect: Fraction = Fraction(1)
    audio: AudioSource | None = None
    preparation: Preparation = field(default_factory=Preparation)

    @property
    def last_due(self) -> Fraction | None:
        """When the last frame of the prepared clip is due, seconds; an estimate."""
        if self.num_frames is None:
            return None
        num_intervals = self.num_frames if self.preparation.loop else self.num_frames - 1
        return num_intervals / self.rate


@dataclass(frozen=True)
class Output:
    """Where the result goes.

    Attributes:
        video: the video file, None for pictures only.
        pngs: the picture folder, None for video only.
        schedule: which moments of the source are shown.
        shown_rate: frames per second the video file says it has; differs for slow motion.
    """

    video: Path | None
    pngs: Path | None
    schedule: Schedule
    shown_rate: Fraction

    @property
    def keeps_speed(self) -> bool:
        """Whether picture and sound stay together."""
        return self.shown_rate == self.schedule.rate and self.schedule.speed == SpeedCurve()


def open_clip(args: argparse.Namespace) -> Clip:
    """Look at the source, without decoding it yet."""
    preparation = _plan_preparation(args)
    if args.img:
        folder = probe_image_folder(args.img)
        rate = _folder_rate(args)
        frames = partial(read_image_folder, folder, rate)
        return Clip(
            path=args.img,
            frames=frames,
            width=folder.width,
            height=folder.height,
            rate=rate,
            num_frames=len(folder.files),
            preparation=preparation,
        )
    if args.source_fps:
        raise InputError(
            f"--source-fps: expected it with --img, got the video {args.video}, which has a rate of "
            "its own. Leave it out."
        )
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
        preparation=preparation,
    )


def _folder_rate(args: argparse.Namespace) -> Fraction:
    if args.source_fps:
        return args.source_fps
    return args.fps / args.multi if args.fps and not args.target_fps else FOLDER_RATE


def _plan_preparation(args: argparse.Namespace) -> Preparation:
    return Preparation(
        args.scene_threshold,
        args.cuts,
        [read_mask(args.mask)] if args.mask else [],
        Duplicates(args.duplicates),
        args.loop,
    )


def plan_output(args: argparse.Namespace, clip: Clip) -> Output:
    """Decide names and rates, and refuse to touch what is already there."""
    rate = args.target_fps or clip.rate * args.multi
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
    schedule = Schedule(rate, 1 / clip.rate, EndRule(args.end), args.speed)
    schedule = clip.preparation.schedule(schedule)
    return Output(video, pngs, schedule, shown_rate)


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
    suffix = f".{args.ext}" if args.ext else find_preset(args.preset).suffixes[0]
    if args.output is None:
        source = clip.path if clip.path.name.strip(".") else clip.path.resolve()  # "." has no name
        multi = "" if args.target_fps else f"{args.multi}X_"
        return source.with_name(f"{source.stem}_{multi}{format_rate(rate)}fps{suffix}")
    if args.output.is_dir():
        raise InputError(
            f"{args.output}: expected a file name, got a folder. "
            f"Add a name, such as {args.output / f'out{suffix}'}."
        )
    if args.output.suffix:
        return args.output
    return args.output.with_name(f"{args.output.name}{suffix}")


def plan_montage(args: argparse.Namespace, clip: Clip, output: Output) -> Montage | None:
    """Decide how source and result are shown together, if they are."""
    if args.montage is None:
        if args.montage_labels is not None:
            raise InputError(
                "--montage-labels: expected it with --montage, got it alone. Add that."
            )
        return None
    labels = label_texts(args.montage_labels or ("", ""), (clip.rate, output.shown_rate))
    return Montage(Layout(args.montage), clip.height, clip.width, output.shown_rate, labels)


def open_writers(
    args: argparse.Namespace, clip: Clip, output: Output, montage: Montage | None
) -> Iterator[VideoWriter | PngWriter]:
    """Make a writer for each target."""
    picture = montage or clip
    if output.pngs:
        yield PngWriter(output.pngs, overwrite=args.overwrite)
    if output.video:
        yield VideoWriter(
            output.video,
            width=picture.width,
            height=picture.height,
            rate=output.shown_rate,
            preset=args.preset,
            crf=args.crf,
            options=args.ffmpeg_options,
            pixel_aspect=clip.pixel_aspect,
            audio=clip.audio if output.keeps_speed else None,
            notify=print,
        )
