"""The ComfyUI nodes: a thin layer that composes ``rife_arch`` and ``vfi``."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from .compare import RIFECompare
from .detect_cuts import RIFEDetectCuts
from .enhance import SAFAEnhance
from .enhance_video import SAFAEnhanceVideo
from .export_png import RIFEExportPNG
from .export_video import RIFEExportVideo
from .interpolate import RIFEInterpolate
from .interpolate_video import RIFEInterpolateVideo
from .join_clips import RIFEJoinClips
from .load import RIFELoadModel
from .load_safa import SAFALoadModel
from .montage import RIFEMontage
from .preview_motion import RIFEPreviewMotion
from .smooth_video import RIFESmoothVideo


class PracticalRifeExtension(ComfyExtension):
    """The nodes this pack adds to ComfyUI."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """List the nodes in the order of a typical workflow."""
        return [
            RIFESmoothVideo,
            RIFELoadModel,
            RIFEInterpolate,
            RIFEInterpolateVideo,
            RIFEJoinClips,
            RIFEDetectCuts,
            RIFEPreviewMotion,
            RIFECompare,
            RIFEMontage,
            RIFEExportVideo,
            RIFEExportPNG,
            SAFALoadModel,
            SAFAEnhance,
            SAFAEnhanceVideo,
        ]


async def comfy_entrypoint() -> ComfyExtension:
    """Return the extension; ComfyUI looks for a function of this name."""
    return PracticalRifeExtension()
