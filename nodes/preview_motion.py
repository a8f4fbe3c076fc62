"""PreviewMotionRIFE: show the motion that the network estimates between two frames."""

from __future__ import annotations

from comfy_api.latest import io, ui
from torch import Tensor

from ..rife_arch import MotionBetween, Scale, parse_scale
from ..vfi.alpha import premultiply
from ..vfi.errors import InputError
from ..vfi.frames import to_planar
from ..vfi.visualize import colour_motion, difference, draw_tiles, longest_motion
from .support.batch import estimate_working_bytes
from .support.checked import checked
from .support.images import ONE_BY_ONE
from .support.interpolation_inputs import scale_input
from .support.sockets import INSPECT_CATEGORY, ManagedModel, RifeModelType

_SIDES = (480, 260)  # px, of an image of the sheet: of the output, and of what the node shows
_LEAST_MOTION = 1.0  # px; with less, noise would get the full colour


class PreviewMotionRIFE(io.ComfyNode):
    """Show how a pair of frames is interpolated."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="PreviewMotionRIFE",
            display_name="Preview Motion (RIFE)",
            category=INSPECT_CATEGORY,
            description="Find out why a pair of frames interpolates badly: shows the motion estimated "
            "in both directions, both frames moved along it, which of them is trusted where, and "
            "where they disagree.",
            search_aliases=["optical flow", "debug", "motion vectors", "flow"],
            inputs=[
                RifeModelType.Input("model", tooltip="From Load RIFE Model."),
                io.Image.Input("images", tooltip="Frames in order, at least two, RGB or RGBA."),
                io.Int.Input(
                    "frame",
                    default=0,
                    min=0,
                    max=1_000_000,
                    tooltip="Number of the earlier frame of the pair, from 0.",
                ),
                io.Float.Input(
                    "timestep",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    display_mode=io.NumberDisplay.slider,
                    tooltip="Position between the two frames: 0 is the earlier one, 1 the later.",
                ),
                scale_input(),
            ],
            outputs=[
                io.Image.Output(display_name="sheet", tooltip="Everything in one image."),
                io.Image.Output(
                    display_name="flow",
                    tooltip="Where the pixels of the earlier frame move: the hue is the direction "
                    "(right is red, left is cyan), white is no motion.",
                ),
                io.Mask.Output(
                    display_name="mask",
                    tooltip="1 where the earlier frame is trusted, 0 where the later one is.",
                ),
            ],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    @checked
    def execute(
        cls, model: ManagedModel, images: Tensor, frame: int, timestep: float, scale: str
    ) -> io.NodeOutput:
        """Draw the sheet."""
        _require_pair(images, frame)
        pair = images[frame : frame + 2]
        motion = _find_motion(model, pair, timestep, parse_scale(scale))
        # Backward flow points to where a pixel comes from; the sheet shows where it goes.
        flow0, flow1 = -_pixels(motion.flow[:, :2]), _pixels(motion.flow[:, 2:])
        longest = max(longest_motion(flow0), longest_motion(flow1), _LEAST_MOTION)
        warped0, warped1, mask = map(_pixels, (motion.warped0, motion.warped1, motion.mask))
        coloured = colour_motion(flow0, longest)
        tiles = [
            (f"frame {frame}", premultiply(pair[0])[..., :3].float()),
            (f"made at {timestep:g}", warped1.lerp(warped0, mask)),
            (f"frame {frame + 1}", premultiply(pair[1])[..., :3].float()),
            (f"frame {frame}, moved", warped0),
            (f"white: frame {frame} is trusted", mask),
            (f"frame {frame + 1}, moved", warped1),
            (f"motion from {frame}, full colour {longest:.1f} px", coloured),
            ("where they disagree, x4", difference(warped0, warped1)),
            (f"motion to {frame + 1}", colour_motion(flow1, longest)),
        ]
        sheet, shown = (draw_tiles(tiles, num_columns=3, side=side)[None] for side in _SIDES)
        return io.NodeOutput(
            sheet, coloured[None], mask[None, ..., 0], ui=ui.PreviewImage(shown, cls=cls)
        )


def _require_pair(images: Tensor, frame: int) -> None:
    if len(images) < 2:
        raise InputError(f"Motion is estimated between two frames, got {len(images)}. {ONE_BY_ONE}")
    if frame + 1 >= len(images):
        raise InputError(
            f"There is no pair of frames {frame} and {frame + 1}: the clip has {len(images)} frames. "
            f"Choose frame 0 to {len(images) - 2}."
        )


def _find_motion(model: ManagedModel, pair: Tensor, timestep: float, scale: Scale) -> MotionBetween:
    _, height, width, _ = pair.shape
    rife = model.load(estimate_working_bytes(model, height, width, scale))
    features0, features1 = (
        rife.encode(to_planar(premultiply(pixels)[..., :3], rife.device), scale=scale)
        for pixels in pair
    )
    return rife.motion(features0, features1, timestep)


def _pixels(planes: Tensor) -> Tensor:
    """[1, C, H, W] -> [H, W, C] in main memory."""
    return planes[0].permute(1, 2, 0).cpu()
