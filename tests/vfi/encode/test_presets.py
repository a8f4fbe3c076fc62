"""Every preset with the real ffmpeg: written, and read back."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from imageio_ffmpeg import get_ffmpeg_exe
from numpy.typing import NDArray
from PIL import Image

from tests.helpers.writers import source_tracks, video_writer
from vfi.encode import encoders
from vfi.encode.encoders import available_presets, choose_encoder
from vfi.encode.presets import PRESETS, SPEEDS, Encoder, Preset, find_preset
from vfi.errors import InputError
from vfi.frames import to_bit_depth, to_uint8, to_uint16
from vfi.read.video import probe_video, read_video

Pixels = NDArray[Any]

WIDTH, HEIGHT = 64, 48
FAST = {
    "share": {"preset": "ultrafast"},
    "high-quality": {"preset": "ultrafast"},
    "web": {"preset": "12"},
    "webm": {"cpu-used": "8", "deadline": "realtime"},
}
SOFTWARE = [name for name in PRESETS if not name.endswith("-gpu")]
YUV = ["share", "high-quality", "web", "webm", "master"]
DEEP = ["high-quality", "web", "master"]
ALPHA = ["webm", "master", "lossless", "lossless-16", "webp"]


def write(path: Path, frames: Any, preset: str, **options: Any) -> Path:
    height, width, channels = frames[0].shape
    defaults = {
        "rate": Fraction(25),
        "options": FAST.get(preset, {}),
        "has_alpha": channels == 4,
        "bit_depth": 8 * frames[0].itemsize,
    }
    with video_writer(
        path, width=width, height=height, preset=preset, **{**defaults, **options}
    ) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def place(folder: Path, preset: str) -> Path:
    return folder / f"a{find_preset(preset).suffixes[0]}"


def read(path: Path) -> list[Pixels]:
    return [to_uint8(frame.pixels).numpy() for frame in read_video(probe_video(path))]


def read_deep(path: Path) -> Pixels:
    """The first frame as [H, W, 3] in [0, 1], from the stored values by the formula of BT.709."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0)).reformat(format="yuv444p16le")
        y, u, v = np.moveaxis(frame.to_ndarray() / 64, -1, 0)  # 10 bits, as they are stored
    y, u, v = (y - 64) / 876, (u - 512) / 896, (v - 512) / 896
    return np.stack([y + 1.5748 * v, y - 0.1873 * u - 0.4681 * v, y + 1.8556 * u], axis=-1)


def read_alpha(path: Path) -> Pixels:
    """The first frame as [H, W, 4] uint8."""
    if path.suffix == ".webp":
        with Image.open(path) as image:
            return np.array(image.convert("RGBA"))
    decoder = ["-c:v", "libvpx-vp9"] if path.suffix == ".webm" else []
    command = [get_ffmpeg_exe(), "-v", "error", *decoder, "-i", str(path), "-frames:v", "1"]
    done = subprocess.run(
        [*command, "-f", "rawvideo", "-pix_fmt", "rgba", "-"], check=True, capture_output=True
    )
    return np.frombuffer(done.stdout, np.uint8).reshape(HEIGHT, WIDTH, 4)


def grey() -> list[Pixels]:
    return [np.full((HEIGHT, WIDTH, 3), 128, np.uint8)] * 3


def flat_colours(count: int = 12) -> list[Pixels]:
    colours = np.random.default_rng(1).integers(0, 256, (count, 1, 1, 3), np.uint8)
    colours[0], colours[1] = 0, 255
    return list(np.ascontiguousarray(np.broadcast_to(colours, (count, HEIGHT, WIDTH, 3))))


def picture_with_hole() -> Pixels:
    """Half of it is orange, half of that half see-through, the other half not there."""
    pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    pixels[:, :32] = (200, 120, 40, 255)
    pixels[:, 16:32, 3] = 128
    return pixels


@pytest.fixture(scope="module")
def offered() -> set[str]:
    return {preset.name for preset, _ in available_presets()}


@pytest.fixture(autouse=True)
def _skip_what_this_pyav_lacks(request: pytest.FixtureRequest, offered: set[str]) -> None:
    callspec = getattr(request.node, "callspec", None)
    preset = callspec.params.get("preset") if callspec else None
    if preset and preset not in offered:
        pytest.skip(f"this PyAV has no encoder for {preset}")


# --- what is in the file -------------------------------------------------------------------------


@pytest.mark.parametrize("preset", SOFTWARE)
def test_frames_come_back_in_number_size_and_rate(tmp_path: Path, preset: str) -> None:
    moving = [np.roll(flat, shift, 1) for shift in range(6) for flat in [picture_with_hole()]]
    path = write(place(tmp_path, preset), [frame[..., :3] for frame in moving], preset)
    info = probe_video(path)
    assert (info.width, info.height, info.rate) == (WIDTH, HEIGHT, 25)
    assert len(read(path)) == 6


@pytest.mark.parametrize("preset", SOFTWARE)
def test_every_container_of_a_preset_holds_it(tmp_path: Path, preset: str) -> None:
    for suffix in find_preset(preset).suffixes:
        assert len(read(write(tmp_path / f"a{suffix}", flat_colours(3), preset))) == 3


@pytest.mark.parametrize(
    ("preset", "codec", "pixel_format"),
    [
        ("share", "h264", "yuv420p"),
        ("high-quality", "hevc", "yuv420p10le"),
        ("web", "av1", "yuv420p10le"),
        ("webm", "vp9", "yuv420p"),
        ("master", "prores", "yuv422p10le"),
        ("lossless", "ffv1", "bgr0"),
        ("lossless-16", "ffv1", "gbrp16le"),
    ],
)
def test_codec_and_pixel_format_are_those_of_the_preset(
    tmp_path: Path, preset: str, codec: str, pixel_format: str
) -> None:
    with av.open(str(write(place(tmp_path, preset), grey(), preset))) as container:
        context = container.streams.video[0].codec_context
        assert context.codec.canonical_name == codec
        assert context.pix_fmt == pixel_format


def test_apple_players_know_h265_by_its_name(tmp_path: Path) -> None:
    with av.open(str(write(tmp_path / "a.mp4", grey(), "high-quality"))) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


def test_gif_and_webp_repeat(tmp_path: Path) -> None:
    for preset in ("gif", "webp"):
        frames = flat_colours(3)
        with Image.open(write(place(tmp_path, preset), frames, preset)) as image:
            assert image.info["loop"] == 0
            assert image.n_frames == 3


@pytest.mark.parametrize("preset", SOFTWARE)
def test_odd_size_is_kept_where_it_can_be(tmp_path: Path, preset: str) -> None:
    block_width, block_height = PRESETS[preset].encoders[0].chroma_block
    odd = [np.ascontiguousarray(frame[:47, :63]) for frame in flat_colours(3)]
    path = write(place(tmp_path, preset), odd, preset)
    (pixels, *_) = read(path)
    assert pixels.shape == (48 if block_height == 2 else 47, 64 if block_width == 2 else 63, 3)


# --- colours -------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", YUV)
def test_stream_says_bt709_limited(tmp_path: Path, preset: str) -> None:
    with av.open(str(write(place(tmp_path, preset), grey(), preset))) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        context = stream.codec_context
    assert frame.colorspace == 1
    assert frame.color_range in ((0, 1) if preset == "master" else (1,))  # ProRes has limited only
    assert (context.color_primaries, context.color_trc) == (1, 1)


@pytest.mark.parametrize("preset", YUV)
def test_flat_colours_return_within_1(tmp_path: Path, preset: str) -> None:
    frames = flat_colours()
    path = write(place(tmp_path, preset), frames, preset, options=None)
    assert np.abs(np.stack(read(path)).astype(int) - np.stack(frames)).max() <= 1


@pytest.mark.parametrize("preset", YUV)
def test_ramp_returns_within_1(tmp_path: Path, preset: str) -> None:
    ramp = np.ascontiguousarray(
        np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (HEIGHT, 256, 3))
    )
    crf = 1 if PRESETS[preset].has_crf else None
    path = write(place(tmp_path, preset), [ramp], preset, crf=crf, options=None)
    assert np.abs(read(path)[0].astype(int) - ramp).max() <= 1


@pytest.mark.parametrize("preset", DEEP)
@pytest.mark.parametrize("value", [0, 100.25, 100.5, 100.75, 254.5, 255])
def test_ten_bits_keep_what_lies_between_two_code_values(
    tmp_path: Path, preset: str, value: float
) -> None:
    frame = np.full((HEIGHT, WIDTH, 3), round(65535 * value / 255), np.uint16)
    crf = 10 if PRESETS[preset].has_crf else None
    path = write(place(tmp_path, preset), [frame] * 3, preset, crf=crf, options=None)
    assert np.abs(255 * read_deep(path) - value).max() < 0.2


@pytest.mark.parametrize("preset", ["high-quality", "master"])
def test_deep_colours_return_within_1_of_1023(tmp_path: Path, preset: str) -> None:
    random = np.random.default_rng(3)
    colours = random.integers(0, 65536, (12, 1, 1, 3), np.uint16)
    colours[:5] = np.array([0, 65535, 257, 32768, 40001]).reshape(5, 1, 1, 1)  # greys
    frames = list(np.ascontiguousarray(np.broadcast_to(colours, (12, HEIGHT, WIDTH, 3))))
    crf = 4 if PRESETS[preset].has_crf else None
    path = write(place(tmp_path, preset), frames, preset, crf=crf, options=None)
    returned = np.stack([frame.pixels.numpy() for frame in read_video(probe_video(path))])
    errors = np.abs(returned - np.stack(frames) / 65535) * 1023
    # Rounding to 876 levels of brightness and 896 of colour costs this much, and no more.
    assert errors[:5].max() <= 0.5 * 1023 / 876 + 0.1
    assert errors.max() <= 0.5 * 1023 / 876 + 0.5 * 1.8556 * 1023 / 896 + 0.1


@pytest.mark.parametrize(("preset", "crf"), [("share", 6), ("webm", 4), ("lossless", None)])
def test_dithering_keeps_a_gradient_free_of_bands(
    tmp_path: Path, preset: str, crf: int | None
) -> None:
    """Without it the average of a block is off by the rounding of the band that it lies in."""
    blue = torch.linspace(20, 24, 256).div(255).reshape(1, 256, 1).expand(64, 256, 1)
    sky = blue * torch.tensor([0.7, 0.85, 1])

    def error(*, dither: bool) -> float:
        depth = find_preset(preset).frame_bit_depth(dither=dither)
        frame = to_bit_depth(sky, depth, dither=dither).numpy()
        path = place(tmp_path, preset)
        write(path, [frame] * 3, preset, crf=crf, options=None)
        difference = torch.from_numpy(read(path)[1]).float() - sky * 255
        blocks = difference.unfold(0, 16, 16).unfold(1, 16, 16).mean((-1, -2))
        return blocks.abs().mean().item()

    assert error(dither=True) < error(dither=False) / 2


def test_deep_frames_keep_their_transparency(tmp_path: Path) -> None:
    deep = picture_with_hole().astype(np.uint16) * 257
    path = write(tmp_path / "a.mov", [deep] * 3, "master")
    command = [get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-frames:v", "1", "-f", "rawvideo"]
    alpha = ["-vf", "format=yuva444p10le,extractplanes=a", "-"]
    raw = subprocess.run([*command, *alpha], check=True, capture_output=True).stdout
    plane = np.frombuffer(raw, "<u2").reshape(HEIGHT, WIDTH)
    assert plane[:, :14].min() >= 1022
    assert plane[:, 34:].max() <= 1


def test_lossless_is_lossless(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, HEIGHT, WIDTH, 3), np.uint8)
    path = write(tmp_path / "a.mkv", list(noise), "lossless")
    assert np.array_equal(np.stack(read(path)), noise)


@pytest.mark.parametrize("num_channels", [3, 4])
def test_lossless_16_is_lossless_in_16_bits(tmp_path: Path, num_channels: int) -> None:
    shape = (3, HEIGHT, WIDTH, num_channels)
    noise = np.random.default_rng(0).integers(0, 65536, shape, np.uint16)
    info = probe_video(write(tmp_path / "a.mkv", list(noise), "lossless-16"))
    frames = [to_uint16(frame.pixels).numpy() for frame in read_video(info, alpha=True)]
    assert np.array_equal(np.stack(frames), noise)


def test_gif_has_each_frame_in_its_own_colours(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    colours = random.integers(0, 256, (5, 200, 3), np.uint8)  # more than 256 in all
    frames = [own[random.integers(0, 200, (HEIGHT, WIDTH))] for own in colours]
    path = write(tmp_path / "a.gif", frames, "gif")
    difference = np.abs(np.stack(read(path)).astype(int) - np.stack(frames))
    assert difference.mean() < 0.5  # ffmpeg 4.2 misses some pixels; one palette for all gives 12


# --- transparency --------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ALPHA)
def test_transparency_comes_back(tmp_path: Path, preset: str) -> None:
    picture = picture_with_hole()
    back = read_alpha(write(place(tmp_path, preset), [picture] * 3, preset)).astype(int)
    away_from_edges = np.r_[2:14, 18:30, 34:64]
    difference = np.abs(back - picture)[:, away_from_edges]
    assert difference[..., 3].max() <= 2
    assert difference[:, :12].max() <= 3


def test_presets_with_transparency_are_known() -> None:
    assert [name for name, preset in PRESETS.items() if preset.has_alpha] == ALPHA


def test_transparency_in_the_wrong_preset_names_the_right_ones() -> None:
    with pytest.raises(InputError, match="choose one of webm, master, lossless, lossless-16, webp"):
        choose_encoder(PRESETS["share"], has_alpha=True)


# --- sound and tags ------------------------------------------------------------------------------


def test_webm_gets_opus(tmp_path: Path, ffmpeg: Any) -> None:
    source, told = ffmpeg("-f", "lavfi", "-i", "sine=d=0.5", "-c:a", "aac", "s.mka"), []
    path = write(
        tmp_path / "a.webm",
        grey(),
        "webm",
        tracks=source_tracks(source, ("aac",)),
        metadata={"workflow": "x"},
        notify=told.append,
    )
    info = probe_video(path)
    assert [track.codec for track in info.audio] == ["opus"]
    assert told == ["audio track 1 was re-encoded to Opus at 192k: .webm files do not hold aac"]
    with av.open(str(path)) as container:
        assert container.metadata["WORKFLOW"] == "x"


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1(side)", "7.1"])
def test_webm_takes_sound_of_any_number_of_channels(
    tmp_path: Path, ffmpeg: Any, layout: str
) -> None:
    sound = f"anoisesrc=d=0.5,aformat=channel_layouts={layout}"
    source = ffmpeg("-f", "lavfi", "-i", sound, "-c:a", "flac", "s.mka")
    path = write(tmp_path / "a.webm", grey(), "webm", tracks=source_tracks(source, ("flac",)))
    with av.open(str(source)) as before, av.open(str(path)) as after:
        assert after.streams.audio[0].channels == before.streams.audio[0].channels


@pytest.mark.parametrize("preset", ["gif", "webp"])
def test_pictures_that_move_say_what_they_do_not_hold(
    tmp_path: Path, ffmpeg: Any, preset: str
) -> None:
    source, told = ffmpeg("-f", "lavfi", "-i", "sine=d=0.5", "-c:a", "aac", "s.mka"), []
    write(
        place(tmp_path, preset),
        grey(),
        preset,
        tracks=source_tracks(source, ("aac",)),
        metadata={"workflow": "x"},
        notify=told.append,
    )
    # Frames that are all the same become one, and a WebP of one frame has no room for tags either.
    assert sorted(told) == [
        f".{preset} files hold no tags: they were left out",
        f"audio was left out: .{preset} files have none",
    ]


# --- options -------------------------------------------------------------------------------------


def x264_settings(path: Path) -> str:
    """What libx264 writes into the stream about itself."""
    data = path.read_bytes()
    return data[data.index(b"options: ") :].split(b"\0", 1)[0].decode(errors="replace")


def test_share_is_h264_at_crf_20_and_medium(tmp_path: Path) -> None:
    settings = x264_settings(write(tmp_path / "a.mp4", grey(), "share", options=None))
    assert "crf=20.0" in settings
    assert "me=hex subme=7" in settings


def test_options_of_the_user_take_precedence(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.mp4", grey(), "share", crf=30, options={"preset": "slower", "g": "7"}
    )
    settings = x264_settings(path)
    assert "me=umh" in settings
    assert "keyint=7" in settings
    assert "crf=30.0" in settings


def test_bit_rate_takes_the_place_of_the_quality(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", grey(), "share", options={"b": "300k"})
    assert "bitrate=300" in x264_settings(path)


def test_pixel_format_of_the_user_keeps_the_colours(tmp_path: Path) -> None:
    frames = flat_colours(4)
    path = write(tmp_path / "a.mp4", frames, "share", options={"pix_fmt": "yuv444p"})
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv444p"
    assert np.abs(np.stack(read(path)).astype(int) - np.stack(frames)).max() <= 1


def test_option_the_encoder_does_not_take_is_told_before_the_first_frame(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"libx264 does not take these ffmpeg options: .*nonsense"):
        video_writer(
            tmp_path / "a.mp4", width=64, height=48, rate=Fraction(25), options={"tune": "nonsense"}
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("speed", "search"), [("fast", 2), ("normal", 7), ("slow", 8), (None, 7)])
def test_speed_decides_how_long_the_encoder_searches(
    tmp_path: Path, speed: str | None, search: int
) -> None:
    path = write(tmp_path / "a.mp4", grey(), "share", speed=speed, options=None)
    assert f"subme={search} ".encode() in path.read_bytes()  # x264 writes its settings down


@pytest.mark.parametrize("preset", ["share", "high-quality", "web", "webm"])
@pytest.mark.parametrize("speed", SPEEDS)
def test_every_speed_opens(preset: str, speed: str) -> None:
    own = find_preset(preset).encoders[0].speeds
    encoder = choose_encoder(find_preset(preset), speed=speed, options={"g": "5"})
    assert dict(own[speed]).items() <= dict(encoder.options).items()
    assert len({tuple(options.items()) for options in own.values()}) == len(SPEEDS)


def test_options_of_the_user_take_precedence_over_the_speed(tmp_path: Path) -> None:
    slower = {"preset": "slower"}
    path = write(tmp_path / "a.mp4", grey(), "share", speed="fast", options=slower)
    assert b"subme=9 " in path.read_bytes()


def test_speed_where_there_is_one_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has one encoder speed only"):
        write(tmp_path / "a.mkv", grey(), "lossless", speed="slow")


def test_crf_beyond_the_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="crf must be 0 to 63, got 64"):
        write(tmp_path / "a.webm", grey(), "webm", crf=64)


def test_crf_where_there_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Preset master has no quality setting"):
        write(tmp_path / "a.mov", grey(), "master", crf=20)


# --- what does not fit ---------------------------------------------------------------------------


def test_wrong_container_names_the_right_ones(tmp_path: Path) -> None:
    message = r"preset master writes \.mov or \.mkv, not \.mp4.* share, high-quality, web,"
    with pytest.raises(InputError, match=message):
        write(tmp_path / "a.mp4", grey(), "master")


def test_unknown_preset_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no preset 'best'. Choose one of share, "):
        write(tmp_path / "a.mp4", grey(), "best")


def test_gif_does_not_promise_a_rate_that_players_slow_down(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Preset gif plays at most 50 frames per second, not 60"):
        write(tmp_path / "a.gif", grey(), "gif", rate=Fraction(60))


# --- which encoders there are --------------------------------------------------------------------

X264 = PRESETS["share"].encoders[0]
MISSING = Encoder("no_such_encoder", "h264", "yuv420p")


@pytest.mark.parametrize("number", [0, 1], ids=["svt", "aom"])
def test_both_encoders_of_av1_return_flat_colours_within_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    one = replace(PRESETS["web"], encoders=(PRESETS["web"].encoders[number],))
    try:
        choose_encoder(one)
    except InputError:
        pytest.skip(f"this PyAV has no {one.encoders[0].name}")
    monkeypatch.setitem(PRESETS, "web", one)  # type: ignore[arg-type]
    frames = flat_colours()
    path = write(tmp_path / "a.mp4", frames, "web", options=None)
    assert np.abs(np.stack(read(path)).astype(int) - np.stack(frames)).max() <= 1


@pytest.mark.parametrize("preset", ["web", "high-quality"])
def test_encoder_does_not_introduce_itself_on_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], preset: str
) -> None:
    write(place(tmp_path, preset), grey(), preset, options=None)
    assert capfd.readouterr() == ("", "")


def test_first_encoder_that_opens_is_taken() -> None:
    preset = Preset("two", "", (".mp4",), (MISSING, X264))
    assert choose_encoder(preset).name == "libx264"


def test_missing_encoder_is_named_with_the_presets_there_are() -> None:
    preset = Preset("new", "", (".mp4",), (MISSING,))
    with pytest.raises(
        InputError, match=r"^Choose another preset \(share, high-quality, .*no_such_encoder \("
    ):
        choose_encoder(preset)


def only_x264_opens(monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...] = ("libx264",)) -> None:
    """Let all other encoders be listed and fail to open, like those of a missing card."""
    real = encoders.set_up_encoder

    def set_up(context: Any, frames: Any) -> None:
        real(context, frames)
        if frames.encoder.name not in names:
            raise ValueError("Cannot load libcuda.so.1")

    monkeypatch.setattr(encoders, "set_up_encoder", set_up)


def test_pyav_that_opens_nothing_is_to_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    only_x264_opens(monkeypatch, ())
    with pytest.raises(
        InputError,
        match=r"^Choose another preset, or install PyAV from PyPI: .*libx264 \(Cannot.*memory",
    ):
        choose_encoder(PRESETS["share"])


def test_encoder_that_is_listed_but_does_not_open_is_not_offered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only_x264_opens(monkeypatch)
    assert [preset.name for preset, _ in available_presets()] == ["share"]
    with pytest.raises(
        InputError, match=r"^Choose another preset \(share\): no working GPU .*h264_nvenc \("
    ):
        choose_encoder(PRESETS["share-gpu"])
