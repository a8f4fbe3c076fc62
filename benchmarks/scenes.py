"""Precision and recall of cut detectors on clips joined at known frames, and on what is no cut."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vfi.frames import Frame, to_uint8
from vfi.preprocess import DEFAULT_THRESHOLD, mark_cuts
from vfi.read import probe_video, read_video

HEIGHT, WIDTH = 192, 256  # px, of all clips; PySceneDetect scales larger ones down to this as well
LENGTH = 24  # frames of a made clip

Pictures = list[Tensor]  # [3, H, W] float in [0, 1] each
Detector = Callable[[Pictures], list[int]]


@dataclass(frozen=True)
class Sample:
    """A clip with known cuts."""

    category: str
    pictures: Pictures
    cuts: tuple[int, ...]


def main() -> None:
    """Print a table: one row per category, one column pair per detector."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "clips",
        nargs="+",
        help="videos; append :30,76 when a scene begins at frames 30 and 76 (from 0)",
    )
    parser.add_argument("--samples", type=int, default=24, help="made clips per category")
    parser.add_argument("--threshold", type=float, default=DEFAULT_THRESHOLD)
    parser.add_argument("--scenedetect", action="store_true", help="also PySceneDetect")
    parser.add_argument("--verbose", action="store_true", help="name every miss and false alarm")
    args = parser.parse_args()
    detectors: dict[str, Detector] = {
        "vfi.preprocess.scene_detection": lambda pictures: own_cuts(pictures, args.threshold),
        "SSIM < 0.2": thumbnail_ssim_cuts,
    }
    if args.scenedetect:
        detectors |= scenedetect_detectors()
    clips = [read_clip(text) for text in args.clips]
    if args.samples and sum(len(scene) >= LENGTH for scenes in clips for scene in scenes) < 2:
        parser.error(f"expected two scenes of {LENGTH} frames or more to make clips of, got fewer")
    samples = [*as_they_are(args.clips, clips), *made_samples(clips, args.samples)]
    report(samples, detectors, verbose=args.verbose)


def report(samples: Sequence[Sample], detectors: dict[str, Detector], *, verbose: bool) -> None:
    """Count and print."""
    categories = list(dict.fromkeys(sample.category.split(":")[0] for sample in samples))
    totals = {name: [0, 0] for name in detectors}
    num_cuts = sum(len(sample.cuts) for sample in samples)
    print(f"{'found / false':<26}{'cuts':>6}" + "".join(f"{name:>18}" for name in detectors))
    for category in categories:
        group = [sample for sample in samples if sample.category.split(":")[0] == category]
        row = f"{category:<26}{sum(len(sample.cuts) for sample in group):>6}"
        for name, detect in detectors.items():
            found = false = 0
            for sample in group:
                cuts = detect(sample.pictures)
                found += len(set(cuts) & set(sample.cuts))
                false += len(set(cuts) - set(sample.cuts))
                if verbose and set(cuts) != set(sample.cuts):
                    print(f"  {name}: {sample.category} has {sample.cuts}, found {cuts}")
            totals[name][0] += found
            totals[name][1] += false
            row += f"{found:>9} /{false:>4}   "
        print(row, flush=True)
    for title, value in (
        ("precision", lambda found, false: found / max(found + false, 1)),
        ("recall", lambda found, _: found / max(num_cuts, 1)),
    ):
        print(
            f"{title:<26}{'':>6}"
            + "".join(f"{100 * value(*totals[name]):>16.1f} %" for name in detectors)
        )


# --- detectors -----------------------------------------------------------------------------------


def own_cuts(pictures: Pictures, threshold: float) -> list[int]:
    """Ask this project's detector."""
    frames = (
        Frame(to_uint8(picture).permute(1, 2, 0), Fraction(number))
        for number, picture in enumerate(pictures)
    )
    marked = mark_cuts(frames, threshold)
    return [number for number, (_, is_cut) in enumerate(marked) if is_cut]


def thumbnail_ssim_cuts(pictures: Pictures) -> list[int]:
    """Ask Practical-RIFE's rule: SSIM of neighbours, 32x32 bilinear thumbnails, below 0.2.

    Source: ``inference_video.py`` and ``ssim_matlab`` of hzwer/Practical-RIFE.
    """
    small = [
        F.interpolate(picture[None], (32, 32), mode="bilinear", align_corners=False)
        for picture in pictures
    ]
    pairs = pairwise(small)
    return [number for number, pair in enumerate(pairs, 1) if ssim(*pair) < 0.2]


def ssim(image0: Tensor, image1: Tensor) -> float:
    """Compute SSIM with an 11x11x11 window (the channels are the third axis), as upstream does."""
    axis = torch.arange(11) - 5
    bell = torch.exp(-(axis**2) / (2 * 1.5**2))
    bell /= bell.sum()
    window = (bell[:, None, None] * bell[:, None] * bell)[None, None]

    def blurred(image: Tensor) -> Tensor:
        padded = F.pad(image[None], (5,) * 6, mode="replicate")
        return F.conv3d(padded, window)

    mean0, mean1 = blurred(image0), blurred(image1)
    variance0 = blurred(image0**2) - mean0**2
    variance1 = blurred(image1**2) - mean1**2
    covariance = blurred(image0 * image1) - mean0 * mean1
    c1, c2 = 0.01**2, 0.03**2
    likeness = (2 * mean0 * mean1 + c1) * (2 * covariance + c2)
    likeness /= (mean0**2 + mean1**2 + c1) * (variance0 + variance1 + c2)
    return likeness.mean().item()


def scenedetect_detectors() -> dict[str, Detector]:
    """Make PySceneDetect's two detectors, with their defaults except the shortest scene.

    The default refuses a second cut within 15 frames, which these short clips have; with 1 it is
    compared by what it sees.
    """
    try:
        from scenedetect import AdaptiveDetector, ContentDetector
    except ImportError:
        print("PySceneDetect is not installed (pip install scenedetect opencv-python-headless)")
        return {}

    def asked(kind: Callable[..., object]) -> Detector:
        return lambda pictures: scenedetect_cuts(kind(min_scene_len=1), pictures)

    return {"Content": asked(ContentDetector), "Adaptive": asked(AdaptiveDetector)}


def scenedetect_cuts(detector: object, pictures: Pictures) -> list[int]:
    """Hand pictures to a PySceneDetect detector as it would read them from a file."""
    from scenedetect import FrameTimecode

    cuts: list[FrameTimecode] = []
    for number, picture in enumerate(pictures):
        image = to_uint8(picture).permute(1, 2, 0).flip(-1).contiguous().numpy()  # BGR
        cuts += detector.process_frame(FrameTimecode(number, 24.0), image)
    cuts += detector.post_process(FrameTimecode(len(pictures), 24.0))
    return [cut.frame_num for cut in cuts]


# --- the set -------------------------------------------------------------------------------------


def read_clip(text: str) -> list[Pictures]:
    """Read ``FILE`` or ``FILE:30,76``; returns its scenes."""
    name, _, numbers = text.partition(":")
    frames = islice(read_video(probe_video(Path(name))), 300)
    pictures = [resized(frame.pixels) for frame in frames]
    cuts = [0, *(int(number) for number in numbers.split(",") if number), len(pictures)]
    return [pictures[start:stop] for start, stop in pairwise(cuts)]


def resized(pixels: Tensor) -> Tensor:
    """[H, W, 3] uint8 -> [3, 192, 256] in [0, 1], by area."""
    planes = pixels.permute(2, 0, 1)[None].float() / 255
    return F.interpolate(planes, (HEIGHT, WIDTH), mode="area")[0]


def as_they_are(names: Sequence[str], clips: Sequence[list[Pictures]]) -> Iterator[Sample]:
    """Yield each clip with its own cuts."""
    for name, scenes in zip(names, clips, strict=True):
        starts = [0]
        for scene in scenes[:-1]:
            starts.append(starts[-1] + len(scene))
        pictures = [picture for scene in scenes for picture in scene]
        yield Sample(f"as filmed:{Path(name).name}", pictures, tuple(starts[1:]))


def made_samples(clips: Sequence[list[Pictures]], count: int) -> Iterator[Sample]:
    """Yield ``count`` clips of each category, the same at every run."""
    chance = random.Random(0)
    scenes = [scene for scenes in clips for scene in scenes if len(scene) >= LENGTH]
    longest = sorted(scenes, key=len)[-max(2, len(scenes) // 2) :]
    for _ in range(count):
        first, second = chance.sample(scenes, 2)
        yield joined("joined clips", part(chance, first), part(chance, second), chance)
        yield jump(chance, chance.choice(longest))
        scene = part(chance, chance.choice(scenes))
        yield Sample("fast pan", panned(chance, scene), ())
        yield Sample("fast zoom", zoomed(chance, scene), ())
        yield Sample("fast object", crossed(chance, scene, chance.choice(scenes)[0]), ())
        yield Sample("flash", flashed(chance, scene), ())
        yield Sample("flicker", [p * chance.uniform(0.6, 1.0) for p in scene], ())
        yield Sample("cross-fade", cross_faded(chance, scene, part(chance, second)), ())
        yield Sample("fade to black and back", dipped(chance, scene), ())
    yield from short_scenes(random.Random(1), scenes, count)
    chance = random.Random(2)
    for _ in range(count):
        times, scene = chance.randint(2, 4), chance.choice(scenes)
        step = max(1, min(2 * times, len(scene) // (LENGTH // times)))
        yield Sample("held 2 to 4 times", held(scene[::step], times), ())
        pan = panned(chance, part(chance, chance.choice(scenes)))
        yield Sample("fast pan, held 2 to 4", held(pan, times), ())


def part(chance: random.Random, scene: Pictures) -> Pictures:
    """Cut a piece of ``LENGTH`` frames out of a scene."""
    start = chance.randint(0, len(scene) - LENGTH)
    return scene[start : start + LENGTH]


def joined(category: str, first: Pictures, second: Pictures, chance: random.Random) -> Sample:
    """Put the end of one after the beginning of the other."""
    at = chance.randint(3, LENGTH - 4)
    return Sample(category, first[:at] + second[at:], (at,))


def jump(chance: random.Random, scene: Pictures) -> Sample:
    """Leave out a piece of a scene, as long as there is, up to three seconds at 25 fps."""
    start = chance.randint(0, max(0, len(scene) - LENGTH - 75))
    gap = min(75, len(scene) - LENGTH - start)
    first, second = scene[start : start + LENGTH], scene[start + gap : start + gap + LENGTH]
    return joined("jump within a scene", first, second, chance)


def short_scenes(chance: random.Random, scenes: Sequence[Pictures], count: int) -> Iterator[Sample]:
    """Put one or two frames of a scene between two others; takes three scenes."""
    for _ in range(count if len(scenes) >= 3 else 0):
        first, middle, last = (part(chance, scene) for scene in chance.sample(scenes, 3))
        at, length = chance.randint(3, LENGTH - 6), chance.randint(1, 2)
        pictures = first[:at] + middle[:length] + last[at + length :]
        yield Sample("scene of 1 or 2 frames", pictures, (at, at + length))


def held(drawings: Pictures, times: int) -> Pictures:
    """Show each drawing several times, as animation does."""
    return [drawings[number // times] for number in range(LENGTH)]


def panned(chance: random.Random, scene: Pictures) -> Pictures:
    """Swing to and fro over the moving picture, 5 to 20 % of what is seen per frame."""
    width = WIDTH // 2
    speed = chance.uniform(0.05, 0.2) * width
    room = WIDTH - width
    lefts = [abs((speed * n + room) % (2 * room) - room) for n in range(LENGTH)]
    return [
        enlarged(p, HEIGHT // 4, round(left), HEIGHT // 2, width)
        for p, left in zip(scene, lefts, strict=True)
    ]


def zoomed(chance: random.Random, scene: Pictures) -> Pictures:
    """Zoom in by 4 to 12 % per frame, hold, as long as there are pixels."""
    factor = chance.uniform(1.04, 1.12)
    pictures: Pictures = []
    for number, picture in enumerate(scene):
        size = max(0.25, factor**-number)
        height, width = round(HEIGHT * size), round(WIDTH * size)
        pictures.append(
            enlarged(picture, (HEIGHT - height) // 2, (WIDTH - width) // 2, height, width)
        )
    return pictures


def enlarged(picture: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    """Show a part of a picture at full size."""
    crop = picture[None, :, top : top + height, left : left + width]
    return F.interpolate(crop, (HEIGHT, WIDTH), mode="bilinear", align_corners=False)[0]


def crossed(chance: random.Random, scene: Pictures, thing: Tensor) -> Pictures:
    """Let a thing of a ninth of the picture fly through it, within 5 to 10 frames."""
    height, width = HEIGHT // 3, WIDTH // 3
    thing = F.interpolate(thing[None], (height, width), mode="area")[0]
    speed = (WIDTH + width) / chance.randint(5, 10)
    top, first = chance.randint(0, HEIGHT - height), chance.randint(2, LENGTH - 10)
    pictures: Pictures = []
    for number, picture in enumerate(scene):
        right = round(speed * (number - first))
        start, stop = max(0, right - width), min(WIDTH, right)
        shown = picture.clone()
        if start < stop:
            offset = start - (right - width)
            shown[:, top : top + height, start:stop] = thing[:, :, offset : offset + stop - start]
        pictures.append(shown)
    return pictures


def flashed(chance: random.Random, scene: Pictures) -> Pictures:
    """Make one or two frames nearly white or black."""
    at, length = chance.randint(3, LENGTH - 6), chance.randint(1, 2)
    level, strength = chance.choice((0.0, 1.0)), chance.uniform(0.8, 1.0)
    return [
        p + strength * (level - p) if at <= number < at + length else p
        for number, p in enumerate(scene)
    ]


def cross_faded(chance: random.Random, first: Pictures, second: Pictures) -> Pictures:
    """Turn one scene into another within 6 to 16 frames."""
    length, at = chance.randint(6, 16), chance.randint(1, 6)
    weights = [min(1.0, max(0.0, (number - at) / length)) for number in range(LENGTH)]
    return [a + w * (b - a) for a, b, w in zip(first, second, weights, strict=True)]


def dipped(chance: random.Random, scene: Pictures) -> Pictures:
    """Fade out within 6 to 10 frames, and in again."""
    length = chance.randint(6, 10)
    return [p * min(1.0, abs(number - LENGTH // 2) / length) for number, p in enumerate(scene)]


if __name__ == "__main__":
    main()
