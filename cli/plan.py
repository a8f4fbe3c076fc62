"""Which clips are worked on, where the results go, and what is written there."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Generic, TypeVar

from vfi.encode import find_container, find_preset
from vfi.errors import DecodeError, InputError, VfiError
from vfi.jobs import EnhanceJob, Job, Sink, plan_job
from vfi.preprocess import Duplicates, Preparation
from vfi.read import Clip, open_folder, open_video, read_mask
from vfi.synthesis import AtCut
from vfi.timing import Schedule, format_rate
from vfi.tracks import AudioMode
from vfi.visualize import Layout, Montage, label_texts
from vfi.write import PictureWriter, RawWriter, VideoWriter

FOLDER_RATE = Fraction(24)  # a picture folder has no rate; 24 is what video generators make
STANDARD_OUTPUT = Path("-")
_STDOUT = 1  # the descriptor itself: sys.stdout is for messages then
_PNG_FOLDER = "vid_out"
# What is taken out of a folder; a file that is named is read whatever its extension.
_VIDEO_SUFFIXES = frozenset(
    {
        *(".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"),
        *(".mts", ".ogv", ".ts", ".webm", ".webp", ".wmv"),
    }
)


JobT = TypeVar("JobT", Job, EnhanceJob)
MakeJob = Callable[[argparse.Namespace, Clip], tuple[JobT, str]]
"""Plans what is made of a clip, and says what its result is called after the clip's name."""


@dataclass(frozen=True)
class Plan(Generic[JobT]):
    """One clip's job, and where its result goes.

    Attributes:
        source: the file or folder.
        job: what is shown, and when.
        video: the video file, or ``STANDARD_OUTPUT``; None for pictures only.
        pngs: the picture folder, None for video only.
    """

    source: Path
    job: JobT
    video: Path | None
    pngs: Path | None

    @property
    def targets(self) -> list[Path]:
        """Files and folders that are made."""
        return [path for path in (self.video, self.pngs) if path and path != STANDARD_OUTPUT]

    @property
    def holds_audio(self) -> bool:
        """Whether there is a video file, of a format that has sound."""
        if self.video is None or self.video == STANDARD_OUTPUT:
            return False
        return find_container(self.video).audio_encoder is not None

    def is_kept(self) -> bool:
        """Whether a run that did not end well has left something to go on from."""
        return any(
            target.with_name(target.name + suffix).exists()
            for target in self.targets
            for suffix in (".parts", ".partial")
        )

    def describe_targets(self) -> str:
        """Name what is made."""
        named = ["standard output"] if self.video == STANDARD_OUTPUT else []
        return " and ".join([*named, *map(str, self.targets)])


def list_sources(args: argparse.Namespace) -> list[Path]:
    """List the clips that the arguments name; a folder of videos stands for the videos in it."""
    if args.img:
        return [args.img]
    sources: list[Path] = []
    for path in args.video:
        sources += _videos_in(path) if path.is_dir() else [path]
    if len(sources) > 1 and args.output:
        raise InputError(
            f"--output {args.output}: expected one input for it, got {len(sources)}. "
            "Name a folder for the results with --out-dir."
        )
    return sources


def _videos_in(folder: Path) -> list[Path]:
    videos = sorted(p for p in folder.iterdir() if p.suffix.lower() in _VIDEO_SUFFIXES)
    if not videos:
        raise InputError(
            f"{folder}: expected a video, or a folder with videos, got a folder without any. "
            "A folder of numbered pictures is read with --img."
        )
    return videos


def plan_all(
    args: argparse.Namespace,
    make_job: MakeJob[JobT],
    note: Callable[[str], object],
    fail: Callable[[Path, VfiError], object],
) -> list[Plan[JobT]]:
    """Look at all clips and decide what becomes of them, and refuse to touch what is there.

    Of several clips those whose result is there are left out: they were done by an earlier run. So
    are the results themselves, where they lie among the clips.

    Args:
        args: of the command line.
        make_job: plans what is made of a clip.
        note: called with a sentence for each clip that is left out.
        fail: called with each of several clips that cannot be read, and why.

    Raises:
        VfiError: something is wrong with the arguments, or with the only clip.
    """
    sources = list_sources(args)
    plans = list(_plan_readable(args, sources, make_job, fail))
    results = {target.absolute() for plan in plans for target in plan.targets}
    plans = [plan for plan in plans if plan.source.absolute() not in results or len(plans) == 1]
    _refuse_one_name_for_two(plans)
    for plan in plans:
        for target in plan.targets:
            _refuse_source(target, plan.source)
    if args.overwrite:
        return plans
    if len(sources) == 1:
        for target in plans[0].targets:
            _refuse_existing(target)
        return plans
    unfinished: list[Plan[JobT]] = []
    for plan in plans:
        if any(map(_holds_something, plan.targets)):
            note(f"skipped {plan.source}: {plan.describe_targets()} is there already")
        else:
            unfinished.append(plan)
    return unfinished


def _plan_readable(
    args: argparse.Namespace,
    sources: Sequence[Path],
    make_job: MakeJob[JobT],
    fail: Callable[[Path, VfiError], object],
) -> Iterator[Plan[JobT]]:
    is_alone = len(sources) == 1
    for source in sources:
        try:
            yield _plan(args, source, make_job, is_alone=is_alone)
        except DecodeError as error:  # noqa: PERF203  once per clip
            if is_alone:
                raise
            fail(source, error)


def _refuse_one_name_for_two(plans: Iterable[Plan[JobT]]) -> None:
    sources: dict[Path, Path] = {}
    for plan in plans:
        for target in plan.targets:
            other = sources.setdefault(target.absolute(), plan.source)
            if other is not plan.source:
                raise InputError(
                    f"{target}: expected one clip for each result, got {other} and {plan.source}. "
                    "Rename one of them, or run them one by one."
                )


def _refuse_source(target: Path, source: Path) -> None:
    if target.exists() and target.samefile(source):
        raise InputError(
            f"{target}: expected a name other than the input's, which would be lost. "
            "Choose another --output."
        )


def _refuse_existing(target: Path) -> None:
    if _holds_something(target):
        raise InputError(
            f"{target}: expected a new name, found an existing file or folder. "
            "Choose another --output, or replace it with --overwrite."
        )


def _holds_something(target: Path) -> bool:
    return target.is_file() or (target.is_dir() and any(target.iterdir()))


def _plan(
    args: argparse.Namespace,
    source: Path,
    make_job: MakeJob[JobT],
    *,
    is_alone: bool,
) -> Plan[JobT]:
    job, label = make_job(args, _open_clip(args, source))
    pngs = None
    if args.png_only or args.keep_pngs:
        pngs = _png_folder(args, source, is_alone=is_alone)
    video = None if args.png_only else _video_path(args, source, label)
    return Plan(source, job, video, pngs)


def plan_interpolation(args: argparse.Namespace, clip: Clip) -> tuple[Job, str]:
    """Plan to make a clip smoother; see ``plan_all``."""
    rate = args.target_fps or clip.rate * args.multi
    job = plan_job(
        clip,
        Schedule(rate, 1 / clip.rate, args.end_rule, args.speed),
        shown_rate=args.fps,
        preparation=_plan_preparation(args),
        at_cut=AtCut(args.at_cut),
        montage=_plan_montage(args, clip, args.fps or rate),
        dither=args.dither,
    )
    multi = "" if args.target_fps else f"{args.multi}X_"
    return job, f"{multi}{format_rate(job.shown_rate)}fps"


def plan_enhancement(args: argparse.Namespace, clip: Clip) -> tuple[EnhanceJob, str]:
    """Plan to enhance a clip; see ``plan_all``."""
    return EnhanceJob(clip, args.scene_threshold, args.cuts, args.dither), "enhanced"


def _open_clip(args: argparse.Namespace, source: Path) -> Clip:
    keeps_alpha = args.png_only or args.keep_pngs or find_preset(args.preset).has_alpha
    if args.img:
        return open_folder(source, _folder_rate(args), args.start, args.end, alpha=keeps_alpha)
    if args.source_fps:
        raise InputError(
            f"--source-fps: expected it with --img, got the video {source}, which has a rate of "
            "its own. Leave it out."
        )
    return open_video(source, args.start, args.end, alpha=keeps_alpha)


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


def _plan_montage(args: argparse.Namespace, clip: Clip, shown_rate: Fraction) -> Montage | None:
    """Decide how source and result are shown together, if they are."""
    if args.montage is None:
        if args.montage_labels is not None:
            raise InputError(
                "--montage-labels: expected it with --montage, got it alone. Add that."
            )
        return None
    labels = label_texts(args.montage_labels or ("", ""), (clip.rate, shown_rate))
    return Montage(Layout(args.montage), clip.height, clip.width, shown_rate, labels)


def _png_folder(args: argparse.Namespace, source: Path, *, is_alone: bool) -> Path:
    if args.png_only and args.output and args.output != STANDARD_OUTPUT:
        return args.output
    folder = (args.out_dir or Path()) / _PNG_FOLDER
    return folder if is_alone else folder / source.stem


def _video_path(args: argparse.Namespace, source: Path, label: str) -> Path:
    suffix = f".{args.ext}" if args.ext else find_preset(args.preset).suffixes[0]
    if args.output is None:
        named = source if source.name.strip(".") else source.resolve()  # "." has no name
        folder = args.out_dir or named.parent
        return folder / f"{named.stem}_{label}{suffix}"
    if args.output == STANDARD_OUTPUT:
        return STANDARD_OUTPUT
    output = args.out_dir / args.output if args.out_dir else args.output
    if output.is_dir():
        raise InputError(
            f"{output}: expected a file name, got a folder. "
            f"Add a name, such as {output / f'out{suffix}'}."
        )
    return output if output.suffix else output.with_name(f"{output.name}{suffix}")


def open_sinks(
    args: argparse.Namespace,
    plan: Plan[JobT],
    fingerprint: str | None,
    note: Callable[[str], None] | None = None,
) -> list[Sink]:
    """Make a writer for each target.

    Args:
        args: of the command line.
        plan: what and where to.
        fingerprint: of the job, to go on with what an interrupted run has left; None: begin anew.
        note: called with a sentence for each thing that cannot be kept as it is.
    """
    clip = plan.job.clip
    sinks: list[Sink] = []
    if plan.pngs:
        sinks.append(
            PictureWriter(
                plan.pngs,
                suffix=f".{args.picture_format}",
                depth=_picture_depth(args, clip),
                has_alpha=clip.has_alpha,
                overwrite=args.overwrite,
                job=fingerprint,
            )
        )
    if plan.video == STANDARD_OUTPUT:
        sinks.append(RawWriter(_STDOUT))
    elif plan.video:
        sinks.append(_open_video_writer(args, plan, plan.video, fingerprint, note))
    return sinks


def _picture_depth(args: argparse.Namespace, clip: Clip) -> int:
    if args.picture_format == "exr":
        return 32
    return 16 if clip.is_deep else 8


def _open_video_writer(
    args: argparse.Namespace,
    plan: Plan[JobT],
    path: Path,
    fingerprint: str | None,
    note: Callable[[str], None] | None,
) -> VideoWriter:
    clip, preset = plan.job.clip, find_preset(args.preset)
    return VideoWriter(
        path,
        width=plan.job.width,
        height=plan.job.height,
        rate=plan.job.shown_rate,
        preset=args.preset,
        crf=args.crf,
        speed=args.encoder_speed,
        options=args.ffmpeg_options,
        has_alpha=clip.has_alpha and preset.has_alpha,
        depth=preset.frame_depth(dither=args.dither),
        pixel_aspect=clip.pixel_aspect,
        tracks=plan.job.tracks(AudioMode(args.audio)),
        notify=note,
        job=fingerprint,
    )
