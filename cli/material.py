"""What checkpoints are evaluated on: a clip, a folder of clips, or a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from vfi.errors import DecodeError, InputError, VfiError
from vfi.measure import (
    Group,
    NoPlaceError,
    Sample,
    Survey,
    describe_places,
    describe_sample,
    find_clips,
    is_clip_of_pictures,
    list_dataset,
    plan_sample,
    recognise_layout,
    take_sample,
)

from .evaluate_arguments import DEFAULT_FRAMES
from .evaluation import open_parts
from .options import EvaluateOptions

CLIP, CLIPS, AUTO = "clip", "clips", "auto"


@dataclass
class Material:
    """What frames are made of.

    Attributes:
        layout: "clip" for a single one, "clips", or a data set.
        groups: of frames.
        description: of what there is, for people.
        sample: the frames of a single clip.
        left_out: clips that cannot be used, each with the reason.
    """

    layout: str
    groups: list[Group]
    description: str = ""
    sample: Sample | None = None
    left_out: list[tuple[str, Exception]] = field(default_factory=list[tuple[str, Exception]])


def choose_layout(options: EvaluateOptions) -> str:
    """Tell a clip, a folder of clips and data sets apart, and refuse options that do not go with it.

    Raises:
        InputError: the folder cannot be read, or an option does not go with it.
    """
    layout = _recognise(options)
    if layout != CLIP and options.pictures:
        raise InputError(
            "--pictures takes a single clip. Evaluate the folder first, then look at one of its clips."
        )
    if layout not in (CLIP, CLIPS):
        wrong = {"--every": options.every != 1, "--start": options.start, "--end": options.end}
        for name, is_given in wrong.items():
            if is_given:
                raise InputError(
                    f"{name} cannot be used with a data set ({layout}), which says itself what frames are "
                    "compared. Remove it, or take --layout clips."
                )
    return layout


def _recognise(options: EvaluateOptions) -> str:
    if not options.clip.is_dir():
        if options.layout != AUTO:
            raise InputError(f"--layout takes a folder, and {options.clip} is none.")
        return CLIP
    if options.layout != AUTO:
        return options.layout
    try:
        found = recognise_layout(options.clip)
    except OSError as error:
        raise InputError(
            f"{options.clip} cannot be read ({error.strerror}). Check the permissions of the folder."
        ) from error
    return found or (CLIP if is_clip_of_pictures(options.clip) else CLIPS)


def find_material(
    layout: str,
    options: EvaluateOptions,
    on_frame: Callable[[], object],
    on_left_out: Callable[[str, Exception], object],
) -> Material:
    """Find the frames that are left out and made again.

    Args:
        layout: from :func:`choose_layout`.
        options: of the command line.
        on_frame: called for each frame that is looked at.
        on_left_out: called for each clip that cannot be used, with the reason.

    Raises:
        InputError: there is nothing that can be used.
        DecodeError: there is nothing that can be read.
    """
    if layout == CLIP:
        return _find_in_clip(options, on_frame)
    if layout == CLIPS:
        return _find_in_clips(options, on_frame, on_left_out)
    groups = list_dataset(options.clip, layout, options.frames)
    count = sum(group.count for group in groups)
    return Material(layout, groups, f"{layout}, {count} frames of {_count_clips(groups)} clips")


def _find_in_clip(options: EvaluateOptions, on_frame: Callable[[], object]) -> Material:
    count = options.frames or DEFAULT_FRAMES
    sample = take_sample(open_parts(options.clip, options), count, options.every, on_frame)
    triplets = sample.triplets
    group = Group(str(options.clip), "", len(triplets), lambda: (each for each in triplets))
    return Material(CLIP, [group], describe_sample(sample), sample)


def _find_in_clips(
    options: EvaluateOptions,
    on_frame: Callable[[], object],
    on_left_out: Callable[[str, Exception], object],
) -> Material:
    paths = find_clips(options.clip)
    if not paths:
        raise InputError(
            f"{options.clip} holds no videos, no numbered images and no data set, and neither do the folders "
            "in it. Check the path."
        )
    material, survey = Material(CLIPS, []), Survey()
    count = options.frames or DEFAULT_FRAMES
    for path in paths:
        name = _name(path, options.clip)
        try:
            plan = plan_sample(open_parts(path, options), count, options.every, on_frame)
        except (VfiError, OSError) as error:
            material.left_out.append((name, error))
            on_left_out(name, error)
            continue
        survey.add(plan.survey)
        material.groups.append(Group(name, "", len(plan), plan.read))
    if not material.groups:
        is_harmless = all(isinstance(error, NoPlaceError) for _, error in material.left_out)
        kind = InputError if is_harmless else DecodeError
        raise kind(f"None of the {len(paths)} clips in {options.clip} can be used, see above.")
    places = describe_places(sum(group.count for group in material.groups), survey)
    material.description = f"{len(material.groups)} clips, {places}"
    return material


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path != folder else str(folder)


def _count_clips(groups: list[Group]) -> int:
    return len({group.clip for group in groups})
