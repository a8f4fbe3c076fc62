"""The options of the command lines: names in here are a contract with everyone's scripts."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from cli.enhance_arguments import build_enhance_parser
from cli.evaluate_arguments import build_evaluate_parser
from cli.interpolate_arguments import build_parser
from training.arguments import build_parser as build_training_parser

SHARED = """
--audio --crf --cuts --debug --device --dither --encoder-speed --end --ext --ffmpeg-options --fp16
--gpus-per-worker --hdr --help --img --json --keep-pngs --list-presets --model --no-resume --out-dir
--output --overwrite --picture-format --png --png-only --precision --preset --ray --resume
--scene-threshold --ship --source-fps --start --version --video --workers -h
"""
INTERPOLATION = """
--UHD --at-cut --convert --demo --duplicates --ensemble --evaluation --exp --fps --inspect --join --list-models --loop
--mask --match --match-frames --model-version --montage --montage-labels --multi --overlap --quality --ramp --refine --scale --skip
--speed --target-fps --torch-compile
"""
EVALUATION = """
--compare --debug --device --end --evaluation --every --fp16 --frames --help --json --layout --lpips --model --overwrite
--pictures --plot --precision --quality --scale --start -h
"""
TRAINING = """
--accumulate --batch --block-decay --cache --census --channels --clip-norm --crop --debug --device --ema --freeze
--held-out --help --last-lr --licence --lr --model --no-flip --no-resize --no-reverse --no-rotate --output --per-clip
--perceptual --precision --resume --save-every --seed --show-every --span --steps --timesteps --vgg --warm-up
--weight-decay --workers -h
"""
CHOICES = {
    "--at-cut": ["nearest", "hold", "blend"],
    "--audio": ["copy", "aac", "none"],
    "--duplicates": ["keep", "smooth", "redraw"],
    "--evaluation": ["auto", "plain", "exact", "fused", "triton"],
    "--encoder-speed": ["fast", "normal", "slow"],
    "--ext": ["gif", "mkv", "mov", "mp4", "webm", "webp"],
    "--match": ["off", "mean-and-spread", "histogram"],
    "--montage": ["side-by-side", "stacked", "split"],
    "--hdr": ["tonemap", "refuse"],
    "--picture-format": ["png", "exr"],
    "--precision": ["auto", "fp32", "fp16", "bf16"],
    "--quality": ["fast", "better", "best", "ultra"],
    "--scale": [0.25, 0.5, 1.0, 2.0, 4.0, "auto"],
}
DEFAULTS = {
    "--at-cut": "nearest",
    "--audio": "copy",
    "--crf": None,
    "--device": "auto",
    "--duplicates": "keep",
    "--encoder-speed": None,
    "--evaluation": "auto",
    "--hdr": "tonemap",
    "--model": "auto",
    "--multi": 2,
    "--picture-format": "png",
    "--precision": "auto",
    "--preset": "share",
    "--quality": "fast",
    "--resume": True,
    "--scale": 1.0,
    "--scene-threshold": 0.2,
    "--target-fps": None,
}


def options(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    return {name: action for action in parser._actions for name in action.option_strings}


@pytest.mark.parametrize(
    ("parser", "names"),
    [
        (build_parser(), SHARED + INTERPOLATION),
        (build_enhance_parser(), SHARED),
        (build_evaluate_parser(), EVALUATION),
        (build_training_parser(), TRAINING),
    ],
    ids=["inference_video", "inference_video_enhance", "evaluate", "train"],
)
def test_options_keep_their_names(parser: argparse.ArgumentParser, names: str) -> None:
    assert set(options(parser)) == set(names.split())


@pytest.mark.parametrize(("name", "choices"), CHOICES.items(), ids=CHOICES)
def test_options_keep_their_choices(name: str, choices: list[Any]) -> None:
    assert list(options(build_parser())[name].choices or ()) == choices


def test_layouts_keep_their_names() -> None:
    layouts = ["auto", "clips", "vimeo", "ucf101", "snufilm", "xiph", "x4k"]
    assert list(options(build_evaluate_parser())["--layout"].choices or ()) == layouts


@pytest.mark.parametrize(("name", "default"), DEFAULTS.items(), ids=DEFAULTS)
def test_options_keep_their_defaults(name: str, default: Any) -> None:
    assert options(build_parser())[name].default == default
