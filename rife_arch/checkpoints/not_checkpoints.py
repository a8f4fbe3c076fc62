"""What people commonly have instead of a checkpoint, recognised by how it begins."""

from __future__ import annotations

import re

HEAD_BYTES = 512
_EXPORT = "Choose the PyTorch checkpoint of this version"
_ARCHIVE = "Unpack it, and choose the checkpoint that was in it"
# pattern of the beginning -> what it is, and what to do
_KNOWN: tuple[tuple[bytes, str], ...] = (
    (rb"\Z", "an empty file. Download it again"),
    (
        rb"\s*(?i:<!doctype|<html|<\?xml)",
        "a web page saved under this name. Download the file itself, not its page",
    ),
    (
        rb"\s*version https://git-lfs",
        "a Git LFS pointer. Run 'git lfs pull', or download the file itself",
    ),
    (rb"\x08.(?s:.){0,62}?(?i:pytorch|onnx)", f"an ONNX export. {_EXPORT}"),
    (rb"\s*7767517", f"an ncnn export. {_EXPORT}"),
    (rb"ftrt", f"a TensorRT engine. {_EXPORT}"),
    (rb"(?s:....)TFL3", f"a TensorFlow Lite export. {_EXPORT}"),
    (rb"GGUF", f"a GGUF file, which holds a language or diffusion model. {_EXPORT}"),
    (rb"\x89HDF", f"an HDF5 file of Keras or TensorFlow. {_EXPORT}"),
    (rb"\x93NUMPY", f"a NumPy array. {_EXPORT}"),
    (rb"7z\xbc\xaf\x27\x1c", f"a 7z archive. {_ARCHIVE}"),
    (rb"Rar!\x1a\x07", f"a RAR archive. {_ARCHIVE}"),
    (rb"\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd", f"a compressed file. {_ARCHIVE}"),
    (rb"(?s:.{257})ustar", f"a tar archive. {_ARCHIVE}"),
    (
        rb"(?s:....)ftyp|\x1aE\xdf\xa3|\x89PNG|\xff\xd8\xff|RIFF",
        "a video or a picture. Choose a RIFE checkpoint",
    ),
    (rb"\x00\x05\x16\x07", "a resource file of macOS. Choose the file of the same name without ._"),
)


def not_a_checkpoint(head: bytes) -> str | None:
    """Recognise a file by its first bytes; None if it may be a checkpoint."""
    return next((what for pattern, what in _KNOWN if re.match(pattern, head)), None)
