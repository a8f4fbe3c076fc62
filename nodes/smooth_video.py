"""RIFESmooth: a video in, a smooth video out."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import Input, io

from .support.checked import checked
from .support.encoding_inputs import crf_input, pop_encoding, prefix_input, preset_input
from .support.interpolate_file import TimingSettings, interpolate_to_file
from .support.interpolation_inputs import InterpolationOptions
from .support.model_inputs import checkpoint_input
from .support.model_paths import find_checkpoint
from .support.render_video import FileSettings
from .support.sockets import ALIASES, CATEGORY, load_managed
from .support.timing_inputs import MULTIPLIER, TARGET_FPS, mode_input
from .support.validation import check_inputs


class RIFESmooth(io.ComfyNode):
    """Make a video smooth; everything it needs is inside."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFESmooth",
            display_name="RIFE Smooth Video",
            category=CATEGORY,
            description="Make a video smooth: 60 frames per second, or any other rate, with its sound "
            "and at its speed. Connect a VIDEO and run. The video can have any length, and a cancelled "
            "run resumes where it stopped.",
            search_aliases=[*ALIASES, "interpolate video", "60 fps", "video to video"],
            inputs=[
                io.Video.Input(
                    "video", tooltip="From Load Video, Create Video, or any other node."
                ),
                checkpoint_input(),
                mode_input([TARGET_FPS, MULTIPLIER]),
                io.Boolean.Input(
                    "save",
                    default=True,
                    tooltip="On: the result is saved in ComfyUI's output folder. Off: it is only "
                    "shown and passed on, and deleted when ComfyUI ends.",
                ),
                prefix_input("video/RIFE"),
                preset_input(advanced=True),
                crf_input(advanced=True),
            ],
            outputs=[io.Video.Output(display_name="video", tooltip="The smooth video.")],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo, io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, input_types: dict[str, str], **values: Any) -> bool:
        """Refuse what is wrong before anything runs."""
        return check_inputs(cls, values, input_types)

    @classmethod
    @checked
    def execute(
        cls,
        video: Input.Video,
        model: str,
        save: bool,
        filename_prefix: str,
        mode: dict[str, Any] | None = None,
        **options: Any,
    ) -> io.NodeOutput:
        """Write the file, which appears under its name when it is complete."""
        result, _ = interpolate_to_file(
            cls,
            lambda: load_managed(find_checkpoint(model)),
            video,
            TimingSettings(mode=mode or {}),
            InterpolationOptions(),
            FileSettings(pop_encoding(options), filename_prefix, is_kept=save),
        )
        return io.NodeOutput(result.video, ui=result.ui)
