"""The ComfyUI nodes: a thin layer that composes ``rife_arch`` and ``vfi``."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from .compare import CompareClipsRIFE
from .detect_cuts import DetectCutsRIFE
from .enhance import SAFAEnhance
from .enhance_video import SAFAEnhanceVideo
from .export_png import ExportPNGRIFE
from .export_video import ExportVideoRIFE
from .find_best_model import FindBestModelRIFE
from .interpolate import RIFEInterpolate
from .interpolate_video import RIFEInterpolateVideo
from .join_clips import JoinClipsRIFE
from .load import RIFELoadModel
from .load_safa import SAFALoadModel
from .montage import MontageRIFE
from .preview_motion import PreviewMotionRIFE
from .smooth_video import RIFESmooth


class PracticalRifeExtension(ComfyExtension):
    """The nodes this pack adds to ComfyUI."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """List the nodes in the order of a typical workflow."""
        return [
            RIFESmooth,
            RIFELoadModel,
            RIFEInterpolate,
            RIFEInterpolateVideo,
            JoinClipsRIFE,
            DetectCutsRIFE,
            PreviewMotionRIFE,
            CompareClipsRIFE,
            MontageRIFE,
            ExportVideoRIFE,
            ExportPNGRIFE,
            SAFALoadModel,
            SAFAEnhance,
            SAFAEnhanceVideo,
            FindBestModelRIFE,
        ]


async def comfy_entrypoint() -> ComfyExtension:
    """Return the extension; ComfyUI looks for a function of this name."""
    return PracticalRifeExtension()
