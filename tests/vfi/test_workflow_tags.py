"""The graph in a video, found by the means of ComfyUI's front end."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.helpers.frontend import graphs_in
from tests.helpers.writers import source_tracks, video_writer

GREY = np.full((48, 64, 3), 128, np.uint8)
PROMPT = {"3": {"class_type": "KSampler", "inputs": {"seed": 7, "text": 'é😀 "quoted" a=b;c#d\\e'}}}
WORKFLOW = {"nodes": [{"id": 3, "title": "line\nbreak", "pos": [1.5, -2]}], "version": 0.4}
TAGS = {"prompt": json.dumps(PROMPT), "workflow": json.dumps(WORKFLOW)}
NAMES = ["a.mp4", "a.mov", "a.mkv", "a.webm"]


def write(path, count=25, **options):
    is_webm = path.suffix == ".webm"
    with video_writer(
        path,
        width=64,
        height=48,
        preset="webm" if is_webm else "share",
        options={"cpu-used": "8", "deadline": "realtime"} if is_webm else {"preset": "ultrafast"},
        segment_length=10,
        **{"metadata": TAGS, **options},
    ) as writer:
        for _ in range(count):
            writer.write(GREY)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_front_end_finds_prompt_and_workflow(tmp_path, name):
    assert graphs_in(write(tmp_path / name)) == {"prompt": PROMPT, "workflow": WORKFLOW}


@pytest.mark.parametrize("name", NAMES)
def test_they_are_still_there_with_sound_subtitles_and_chapters(tmp_path, ffmpeg, name):
    (tmp_path / "s.srt").write_text("1\n00:00:00,100 --> 00:00:00,900\nwords\n")
    inputs = ("-f", "lavfi", "-i", "sine=d=1", "-i", tmp_path / "s.srt")
    source = ffmpeg(*inputs, "-map", "0", "-map", "1", "-c:a", "aac", "-c:s", "srt", "s.mkv")
    tags = {"workflow": "{}", "title": "Film", "com.example": "x"}
    path = write(tmp_path / name, tracks=source_tracks(source, ("aac",), ("subrip",), tags=tags))

    assert graphs_in(path) == {"prompt": PROMPT, "workflow": WORKFLOW}


@pytest.mark.parametrize("name", NAMES)
def test_they_are_found_in_a_large_file(tmp_path, name):
    large = {"nodes": [{"id": number, "text": "word " * 20} for number in range(8000)]}
    assert len(json.dumps(large)) > 1_000_000
    path = write(tmp_path / name, metadata={**TAGS, "workflow": json.dumps(large)})

    assert graphs_in(path) == {"prompt": PROMPT, "workflow": large}


@pytest.mark.parametrize("text", ["a {red|blue car", "}{", 'quote \\" and {'])
@pytest.mark.parametrize("name", NAMES)
def test_braces_without_a_partner_in_a_prompt_do_no_harm(tmp_path, name, text):
    prompt = {"6": {"inputs": {"text": text}}}
    path = write(tmp_path / name, metadata={**TAGS, "prompt": json.dumps(prompt)})

    assert graphs_in(path) == {"prompt": prompt, "workflow": WORKFLOW}


def write_webp(path, pictures):
    told = []
    options = {"preset": "webp", "options": {}, "metadata": TAGS, "notify": told.append}
    with video_writer(path, width=64, height=48, **options) as writer:
        for picture in pictures:
            writer.write(picture)
    return told


def test_animated_webp_has_them_as_exif(tmp_path):
    pictures = [np.full((48, 64, 3), value, np.uint8) for value in (0, 100, 200)]
    assert write_webp(tmp_path / "a.webp", pictures) == []
    with Image.open(tmp_path / "a.webp") as image:
        texts = dict(text.split(":", 1) for text in image.getexif().values())
        assert image.n_frames == 3
        assert np.array(image.convert("RGB")).mean() == pytest.approx(0, abs=2)
    assert json.loads(texts["prompt"]) == PROMPT
    assert json.loads(texts["workflow"]) == WORKFLOW


def test_webp_of_one_frame_says_that_it_has_none(tmp_path):
    told = write_webp(tmp_path / "a.webp", [GREY])
    assert told == [".webp files hold no tags: they were left out"]
