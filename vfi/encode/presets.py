"""What a video is encoded as: presets by name, as data.

A preset is a purpose. It lists its encoders in the order of preference, as not every PyAV has
every encoder and not every machine the hardware for it; ``encoders`` finds out which of them open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from ..errors import InputError

# How long an encoder may search for what it can save.
SPEEDS = ("fast", "normal", "slow")
# YUV pixel formats -> (width, height) of the block of pixels that share one colour.
CHROMA_BLOCKS: Mapping[str, tuple[int, int]] = {
    "yuv420p": (2, 2),
    "yuv420p10le": (2, 2),
    "yuva420p": (2, 2),
    "nv12": (2, 2),
    "p010le": (2, 2),
    "yuv422p": (2, 1),
    "yuv422p10le": (2, 1),
    "yuv444p": (1, 1),
    "yuv444p10le": (1, 1),
    "yuva444p10le": (1, 1),
}


def bit_depth_of(pixel_format: str) -> int:
    """Return the bits of a value in one of the pixel formats that are encoded."""
    return next((bits for bits in (10, 16) if pixel_format.endswith(f"{bits}le")), 8)


@dataclass(frozen=True)
class Quality:
    """The number that trades picture quality for file size; lower is better.

    Attributes:
        option: the encoder's name for it.
        default: what the preset takes.
        minimum: the best.
        maximum: the worst.
        together_with: options that go with it, left out when the user asks for another rate control.
    """

    option: str
    default: int
    minimum: int = 0
    maximum: int = 51
    together_with: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Encoder:
    """One way to encode a preset.

    Attributes:
        name: FFmpeg's name of the encoder.
        codec: FFmpeg's name of what it makes.
        pixel_format: what it is given; YUV if it is one of ``CHROMA_BLOCKS``, else RGB.
        options: its options, name to value: ``{"preset": "medium"}``.
        quality: what ``crf`` sets; None: the encoder has no such number.
        has_alpha: whether it is for frames with transparency.
        has_own_palettes: each frame is reduced to 256 colours of its own.
        speeds: a speed of ``SPEEDS`` -> options that take the place of ``options``; empty: it has one
            speed only.
    """

    name: str
    codec: str
    pixel_format: str
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    quality: Quality | None = None
    has_alpha: bool = False
    has_own_palettes: bool = False
    speeds: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])

    @property
    def chroma_block(self) -> tuple[int, int]:
        """Width and height of a chroma block, px; those of a frame must be multiples."""
        return CHROMA_BLOCKS.get(self.pixel_format, (1, 1))

    @property
    def is_yuv(self) -> bool:
        """Whether colours are converted with a matrix, and tagged so."""
        return self.pixel_format in CHROMA_BLOCKS

    @property
    def bit_depth(self) -> int:
        """Bits of a value that it keeps."""
        return bit_depth_of(self.pixel_format)


_FASTEST = Fraction(4000)  # frames per second; x264 takes 4999, and no player shows them


@dataclass(frozen=True)
class Preset:
    """An encoding for a purpose.

    Attributes:
        name: what the user calls it.
        purpose: what it is for, in a few words.
        suffixes: extensions of the containers it goes into; the first is the default.
        encoders: in the order of preference; those with alpha are for frames that have it.
        max_rate: frames per second that its encoders and formats take.
        needs_gpu: its encoders are those of GPUs.
    """

    name: str
    purpose: str
    suffixes: tuple[str, ...]
    encoders: tuple[Encoder, ...]
    max_rate: Fraction = _FASTEST
    needs_gpu: bool = False

    @property
    def has_alpha(self) -> bool:
        """Whether transparency can be kept."""
        return any(encoder.has_alpha for encoder in self.encoders)

    @property
    def keeps_hdr(self) -> bool:
        """Whether HDR can be kept; with 8 bits, its gradients would show bands."""
        return all(encoder.bit_depth > 8 for encoder in self.encoders)

    def frame_bit_depth(self, *, dither: bool = False) -> int:
        """Return the bit depth, 8 or 16, of the frames that are worth giving to it.

        With ``dither`` also 16 for 8-bit YUV: FFmpeg dithers as it reduces the bit depth, while
        dithering done before would mostly be lost in the conversion from RGB to YUV.
        """
        takes_more = all(e.bit_depth > 8 or (dither and e.is_yuv) for e in self.encoders)
        return 16 if takes_more else 8

    @property
    def has_crf(self) -> bool:
        """Whether each of its encoders has a quality number."""
        return all(encoder.quality for encoder in self.encoders)

    @property
    def has_speeds(self) -> bool:
        """Whether any of its encoders has several speeds."""
        return any(encoder.speeds for encoder in self.encoders)


def _speeds(option: str, fast: str, slow: str) -> Mapping[str, Mapping[str, str]]:
    return {"fast": {option: fast}, "normal": {}, "slow": {option: slow}}


_X26X_SPEEDS = _speeds("preset", "veryfast", "slow")
_NVENC_SPEEDS = _speeds("preset", "p2", "p7")
_QSV_SPEEDS = _speeds("preset", "veryfast", "veryslow")
_MP4_FAMILY = (".mp4", ".mov", ".mkv")
_VBR = {"b": "0"}  # or the quality is a lower bound to a bit rate of some default


def _ffv1(opaque: str, transparent: str) -> tuple[Encoder, Encoder]:
    # level 3 has checksums, which tell a damaged archive; each frame stands alone.
    options = {"level": "3", "g": "1"}
    return (
        Encoder("ffv1", "ffv1", opaque, options),
        Encoder("ffv1", "ffv1", transparent, options, has_alpha=True),
    )


_PRESETS = (
    Preset(
        name="share",
        purpose="plays everywhere: H.264",
        suffixes=_MP4_FAMILY,
        encoders=(
            Encoder(
                "libx264",
                "h264",
                "yuv420p",
                {"preset": "medium"},
                Quality("crf", 20),
                speeds=_X26X_SPEEDS,
            ),
        ),
    ),
    Preset(
        name="high-quality",
        purpose="smooth gradients, no bands: H.265, 10 bit",
        suffixes=_MP4_FAMILY,
        encoders=(
            Encoder(
                "libx265",
                "hevc",
                "yuv420p10le",
                {"preset": "medium"},
                Quality("crf", 18),
                speeds=_X26X_SPEEDS,
            ),
        ),
    ),
    Preset(
        name="web",
        purpose="small, for browsers of today: AV1, 10 bit",
        suffixes=(".mp4", ".webm", ".mkv"),
        max_rate=Fraction(240),  # SVT-AV1 (3.1) takes no more
        encoders=(
            Encoder(
                "libsvtav1",
                "av1",
                "yuv420p10le",
                {"preset": "6"},
                Quality("crf", 24, 1, 63),
                speeds=_speeds("preset", "10", "4"),
            ),
            Encoder(
                "libaom-av1",
                "av1",
                "yuv420p10le",
                {"cpu-used": "6", "row-mt": "1"},
                Quality("crf", 24, 0, 63, _VBR),
                speeds=_speeds("cpu-used", "8", "4"),
            ),
        ),
    ),
    Preset(
        name="webm",
        purpose="for browsers, with transparency: VP9",
        suffixes=(".webm", ".mkv"),
        encoders=tuple(
            Encoder(
                "libvpx-vp9",
                "vp9",
                pixel_format,
                {"deadline": "good", "cpu-used": "2", "row-mt": "1"},
                Quality("crf", 24, 0, 63, _VBR),
                has_alpha=has_alpha,
                speeds=_speeds("cpu-used", "5", "1"),
            )
            for pixel_format, has_alpha in (("yuv420p", False), ("yuva420p", True))
        ),
    ),
    Preset(
        name="master",
        purpose="for editing: ProRes 422 HQ, 4444 with transparency",
        suffixes=(".mov", ".mkv"),
        encoders=(
            Encoder("prores_ks", "prores", "yuv422p10le", {"profile": "hq", "vendor": "apl0"}),
            Encoder(
                "prores_ks",
                "prores",
                "yuva444p10le",
                {"profile": "4444", "vendor": "apl0"},
                has_alpha=True,
            ),
        ),
    ),
    Preset(
        name="lossless",
        purpose="bit for bit, with transparency: FFV1 in RGB, 8 bit",
        suffixes=(".mkv",),
        encoders=_ffv1("bgr0", "bgra"),
    ),
    Preset(
        name="lossless-16",
        purpose="bit for bit, with transparency: FFV1 in RGB, 16 bit",
        suffixes=(".mkv",),
        encoders=_ffv1("gbrp16le", "gbrap16le"),
    ),
    Preset(
        name="gif",
        purpose="for chats and pages that accept nothing else: 256 colours",
        suffixes=(".gif",),
        encoders=(Encoder("gif", "gif", "pal8", has_own_palettes=True),),
        max_rate=Fraction(50),  # GIF counts hundredths of a second, and players slow down at 1
    ),
    Preset(
        name="webp",
        purpose="animations, with transparency: animated WebP",
        suffixes=(".webp",),
        encoders=tuple(
            # The encoder makes YUV of it itself, with the matrix that WebP prescribes.
            Encoder("libwebp_anim", "webp", "bgra", {"quality": "90"}, has_alpha=has_alpha)
            for has_alpha in (False, True)
        ),
    ),
    Preset(
        name="share-gpu",
        purpose="like share, GPU-encoded: faster, larger",
        needs_gpu=True,
        suffixes=_MP4_FAMILY,
        encoders=(
            Encoder(
                "h264_nvenc",
                "h264",
                "yuv420p",
                {"preset": "p5", "tune": "hq"},
                Quality("cq", 21, 1, 51, {"rc": "vbr", **_VBR}),
                speeds=_NVENC_SPEEDS,
            ),
            Encoder(
                "h264_qsv",
                "h264",
                "nv12",
                {},
                Quality("global_quality", 21, 1, 51),
                speeds=_QSV_SPEEDS,
            ),
            Encoder("h264_videotoolbox", "h264", "nv12", {"q": "65"}),
        ),
    ),
    Preset(
        name="high-quality-gpu",
        purpose="like high-quality, GPU-encoded: faster, larger",
        needs_gpu=True,
        suffixes=_MP4_FAMILY,
        encoders=(
            Encoder(
                "hevc_nvenc",
                "hevc",
                "p010le",
                {"preset": "p6", "tune": "hq", "profile": "main10"},
                Quality("cq", 19, 1, 51, {"rc": "vbr", **_VBR}),
                speeds=_NVENC_SPEEDS,
            ),
            Encoder(
                "hevc_qsv",
                "hevc",
                "p010le",
                {"profile": "main10"},
                Quality("global_quality", 19, 1, 51),
                speeds=_QSV_SPEEDS,
            ),
            Encoder("hevc_videotoolbox", "hevc", "p010le", {"profile": "main10", "q": "70"}),
        ),
    ),
    Preset(
        name="web-gpu",
        purpose="like web, GPU-encoded: faster, larger",
        needs_gpu=True,
        suffixes=(".mp4", ".webm", ".mkv"),
        encoders=(
            Encoder(
                "av1_nvenc",
                "av1",
                "p010le",
                {"preset": "p6", "tune": "hq"},
                Quality("cq", 30, 1, 51, {"rc": "vbr", **_VBR}),
                speeds=_NVENC_SPEEDS,
            ),
            Encoder(
                "av1_qsv",
                "av1",
                "p010le",
                {},
                Quality("global_quality", 26, 1, 51),
                speeds=_QSV_SPEEDS,
            ),
        ),
    ),
)
PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in _PRESETS}
DEFAULT_PRESET = "share"


def find_preset(name: str) -> Preset:
    """Return the preset of that name.

    Raises:
        InputError: there is none.
    """
    try:
        return PRESETS[name]
    except KeyError as error:
        raise InputError(
            f"There is no preset {name!r}. Choose one of {', '.join(PRESETS)}; "
            f"{DEFAULT_PRESET} plays everywhere."
        ) from error
