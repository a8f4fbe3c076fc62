"""Which clips are worked on, what becomes of each, and where it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from vfi.encode import FrameFormat, find_container
from vfi.errors import InputError
from vfi.files import is_taken
from vfi.jobs import (
    EnhancementJob,
    InterpolationJob,
    fit_color,
    plan_job,
    plan_video,
)
from vfi.preprocess import Preparation
from vfi.read import Clip, read_mask
from vfi.timing import Schedule, format_rate
from vfi.visualize import Montage, label_texts
from vfi.write import ImageSequenceWriter, PipeWriter, VideoWriter, fit_name

from .options import STANDARD_OUTPUT, EnhanceOptions, InterpolateOptions, OutputOptions
from .sources import open_clip

_STDOUT = 1  # the descriptor itself: sys.stdout is for messages then
_IMAGE_FOLDER = "vid_out"

Sink = ImageSequenceWriter | VideoWriter | PipeWriter
JobT = TypeVar("JobT", InterpolationJob, EnhancementJob)


@dataclass(frozen=True)
class Plan(Generic[JobT]):
    """One clip's job, and where its result goes.

    Attributes:
        source: the file or folder.
        job: what is shown, and when.
        output: how it is written.
        video: the video file, or ``STANDARD_OUTPUT``; None for images only.
        images: the folder of images, None for video only.
        notes: what people should know of it, one sentence each.
        format: of the video file, once the plan is ready.
        parts: the files that are joined, ``source`` is the first; none where nothing is.
    """

    source: Path
    job: JobT
    output: OutputOptions
    video: Path | None
    images: Path | None
    notes: Sequence[str] = ()
    format: FrameFormat | None = None
    parts: Sequence[Path] = ()

    @property
    def inputs(self) -> dict[str, str | list[str]]:
        """What goes in, for ``--json``."""
        parts = {"parts": [str(part) for part in self.parts]} if self.parts else {}
        return {"input": str(self.source), **parts}

    @property
    def targets(self) -> list[Path]:
        """Files and folders that are made."""
        return [path for path in (self.video, self.images) if path and path != STANDARD_OUTPUT]

    @property
    def holds_audio(self) -> bool:
        """Whether there is a video file in a container that can have audio."""
        if self.video is None or self.video == STANDARD_OUTPUT:
            return False
        return find_container(self.video).audio_encoder is not None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the result, px; those of the video, which may have to be even."""
        return self.format.coded_size if self.format else (self.job.width, self.job.height)

    def has_leftovers(self) -> bool:
        """Whether a run that failed has left something to resume from."""
        return any(
            target.with_name(target.name + suffix).is_dir()
            for target in self.targets
            for suffix in (".segments", ".partial")
        )

    def describe_targets(self) -> str:
        """Name what is made."""
        named = ["standard output"] if self.video == STANDARD_OUTPUT else []
        return " and ".join([*named, *map(str, self.targets)])

    def sinks(
        self,
        resume_key: str | None = None,
        notify: Callable[[str], object] | None = None,
        check: Callable[[], object] | None = None,
    ) -> list[Sink]:
        """Make a writer for each target; nothing is opened yet.

        Args:
            resume_key: of the job, to go on with what an interrupted run has left; None: start over.
            notify: called with a sentence for each thing that cannot be kept as it is.
            check: see ``VideoWriter``.
        """
        sinks: list[Sink] = []
        if self.images:
            sinks.append(self._image_writer(self.images, resume_key))
        if self.video == STANDARD_OUTPUT:
            sinks.append(PipeWriter(_STDOUT))
        elif self.video:
            assert self.format, "make_ready finds it"
            tracks = self.job.tracks(self.output.audio)
            sinks.append(
                VideoWriter(
                    self.video,
                    self.format,
                    tracks=tracks,
                    notify=notify,
                    check=check,
                    resume_key=resume_key,
                )
            )
        return sinks

    def _image_writer(self, folder: Path, resume_key: str | None) -> ImageSequenceWriter:
        clip, image_format = self.job.clip, self.output.picture_format
        return ImageSequenceWriter(
            folder,
            suffix=f".{image_format}",
            bit_depth=32 if image_format == "exr" else 16 if clip.bit_depth > 8 else 8,
            has_alpha=clip.has_alpha,
            overwrite=self.output.overwrite,
            resume_key=resume_key,
        )

    def make_ready(self) -> Plan[JobT]:
        """Find an encoder, and refuse what cannot be written, before any work.

        Raises:
            VfiError: the result cannot be written like this, or not there.
        """
        plan = self
        if self.video and self.video != STANDARD_OUTPUT:
            plan = replace(self, format=plan_video(self.job, self.video, self.output.encoding))
        for sink in plan.sinks():
            sink.validate()
        return plan


def _open_fitting(
    path: Path,
    options: InterpolateOptions | EnhanceOptions,
    notify: Callable[[str], object],
    joined: Clip | None = None,
) -> Clip:
    """Look at a clip, and see to it that the result can hold its colours."""
    output = options.output
    clip = joined or open_clip(path, options.source, output)
    return fit_color(clip, output.video_encoding, output.hdr, notify)


def plan_interpolation(
    source: Path, options: InterpolateOptions, is_alone: bool, joined: Clip | None = None
) -> Plan[InterpolationJob]:
    """Decide how a clip is interpolated, and where the result goes.

    Args:
        source: the clip.
        options: of the command line.
        is_alone: it is the only clip.
        joined: what all parts have become; None: the source is taken.
    """
    notes: list[str] = []
    clip = _open_fitting(source, options, notes.append, joined)
    rate = options.target_fps or clip.rate * options.multi
    shown_rate = options.fps or rate
    job = plan_job(
        clip,
        Schedule(rate, 1 / clip.rate, options.end_rule, options.speed),
        shown_rate=shown_rate,
        preparation=Preparation(
            options.scene_threshold,
            options.cuts,
            [read_mask(options.mask)] if options.mask else [],
            options.duplicates,
            options.loop,
        ),
        at_cut=options.at_cut,
        montage=_plan_montage(options, clip),
        dither=options.output.encoding.dither,
    )
    multi = "" if options.target_fps else f"{options.multi}X_"
    label = f"{'joined_' if joined else ''}{multi}{format_rate(shown_rate)}fps"
    plan = _plan(source, job, options.output, label, notes, is_alone=is_alone)
    return replace(plan, parts=options.source.join)


def _plan_montage(options: InterpolateOptions, clip: Clip) -> Montage | None:
    """Decide how source and result are shown together, if they are."""
    if options.montage is None:
        return None
    shown_rate = options.fps or options.target_fps or clip.rate * options.multi
    labels = label_texts(options.montage_labels or ("", ""), (clip.rate, shown_rate))
    return Montage(options.montage, clip.height, clip.width, shown_rate, labels)


def plan_enhancement(source: Path, options: EnhanceOptions, is_alone: bool) -> Plan[EnhancementJob]:
    """Decide how a clip is enhanced, and where the result goes; see ``plan_interpolation``."""
    notes: list[str] = []
    clip = _open_fitting(source, options, notes.append)
    dither = options.output.encoding.dither
    job = EnhancementJob(clip, options.scene_threshold, options.cuts, dither)
    return _plan(source, job, options.output, "enhanced", notes, is_alone=is_alone)


def _plan(
    source: Path,
    job: JobT,
    output: OutputOptions,
    label: str,
    notes: Sequence[str],
    *,
    is_alone: bool,
) -> Plan[JobT]:
    images = None
    if output.png_only or output.keep_pngs:
        images = _image_folder(output, source, is_alone=is_alone)
    video = None if output.png_only else _video_path(output, source, label)
    return Plan(source, job, output, video, images, notes)


def _image_folder(output: OutputOptions, source: Path, *, is_alone: bool) -> Path:
    if output.png_only and output.output and output.output != STANDARD_OUTPUT:
        return output.output
    folder = (output.out_dir or Path()) / _IMAGE_FOLDER
    return folder if is_alone else folder / fit_name(source.stem, "")


def _video_path(output: OutputOptions, source: Path, label: str) -> Path:
    suffix = f".{output.ext}" if output.ext else output.encoding.suffixes[0]
    if output.output is None:
        named = source if source.name.strip(".") else source.resolve()  # "." has no name
        folder = output.out_dir or named.parent
        return folder / fit_name(named.stem, f"_{label}{suffix}")
    if output.output == STANDARD_OUTPUT:
        return STANDARD_OUTPUT
    path = output.out_dir / output.output if output.out_dir else output.output
    if path.is_dir():
        raise InputError(f"{path} is a folder; add a file name, such as {path / f'out{suffix}'}.")
    return path if path.suffix else path.with_name(f"{path.name}{suffix}")


def choose_unfinished(
    plans: Sequence[Plan[JobT]],
    output: OutputOptions,
    notify: Callable[[str], object],
    *,
    is_alone: bool,
) -> list[Plan[JobT]]:
    """Leave out what is done already, and refuse to touch what must not be touched.

    Of several clips, those whose result exists are left out: an earlier run made it. So are the
    results themselves, where they lie among the clips.

    Args:
        plans: of all clips.
        output: how they are written.
        notify: called with a sentence for each clip that is left out.
        is_alone: one clip was asked for.

    Raises:
        InputError: a result would replace a source, another result, or what is there.
    """
    results = {target.absolute() for plan in plans for target in plan.targets}
    plans = [plan for plan in plans if plan.source.absolute() not in results or len(plans) == 1]
    _refuse_one_name_for_two(plans)
    for plan in plans:
        for target in plan.targets:
            for source in plan.parts or [plan.source]:
                _refuse_source(target, source)
            if is_alone and not output.overwrite:
                _refuse_existing(target)
    if is_alone or output.overwrite:
        return list(plans)
    unfinished: list[Plan[JobT]] = []
    for plan in plans:
        if any(map(is_taken, plan.targets)):
            notify(f"skipped {plan.source}: {plan.describe_targets()} exists already")
        else:
            unfinished.append(plan)
    return unfinished


def _refuse_one_name_for_two(plans: Iterable[Plan[JobT]]) -> None:
    sources: dict[Path, Path] = {}
    for plan in plans:
        for target in plan.targets:
            other = sources.setdefault(target.absolute(), plan.source)
            if other is not plan.source:
                raise InputError(
                    f"{target}: this would be the result of both {other} and {plan.source}. "
                    "Rename one of them, or run them one by one."
                )


def _refuse_source(target: Path, source: Path) -> None:
    if target.exists() and target.samefile(source):
        raise InputError(f"{target}: the result would replace the input. Choose another --output.")


def _refuse_existing(target: Path) -> None:
    if is_taken(target):
        raise InputError(
            f"{target} exists already. Choose another --output, or replace it with --overwrite."
        )
