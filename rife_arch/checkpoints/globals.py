"""What the names in a pickle say about it.

Nothing of a pickle is ever run (see ``pickles``), so these rules do not keep anything out; they
decide which files are weights with something harmless beside them, and what the others are called.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

# What describes a tensor. Whatever else torch has, such as modules and optimizers, is a program's.
_TENSORS = re.compile(
    r"torch\._utils\._rebuild_\w+|torch\._tensor\._rebuild_from_type_v2|torch\.Tensor|torch\.Size"
    r"|torch\.device|torch\.nn\.parameter\.\w*Parameter|torch\.(storage\.)?\w*Storage"
    r"|torch\.(float|bfloat|u?int|complex|q?u?int|bool|half|double|long)\w*"
    r"|torch\.serialization\._get_layout|torch\.(strided|sparse_\w+|per_\w+)"
)
# Plain values that training scripts save beside the weights.
_HARMLESS = re.compile(
    r"collections\.\w+|numpy\.(dtype|ndarray|_?core\.\w+\.\w+|(float|int|uint|bool)\w*|dtypes\.\w+)"
    r"|numpy\.random\.\w+\.\w+|_codecs\.encode|argparse\.Namespace|types\.SimpleNamespace"
    r"|pathlib\.(\w+\.)?\w*Path|datetime\.\w+|decimal\.Decimal|fractions\.Fraction|uuid\.UUID"
    r"|_*builtin(s|__)\.(set|frozenset|slice|range|complex|bytearray|bytes|object|int|float"
    r"|bool|str|list|dict|tuple)"
    r"|copy_?reg\._reconstructor|easydict\.EasyDict|addict\.addict\.Dict|typing\.Any"
    r"|omegaconf\.\w+\.\w+|yacs\.config\.CfgNode|torch\.optim\.lr_scheduler\.\w+"
)


def problem_with(names: Sequence[str]) -> str:
    """Say what a pickle that names these is instead of weights, and what to do; empty for weights."""
    foreign = [n for n in names if not (_TENSORS.fullmatch(n) or _HARMLESS.fullmatch(n))]
    if not foreign:
        return ""
    acting = next((name for name in foreign if _wants_to_act(name)), None)
    if acting is not None:
        return (
            f"is a pickle that wants to run code ({_shown(acting)}), which weights never do. "
            "It was not run. Do not use this file; download the checkpoint from its author."
        )
    if any(name.startswith("torch.nn.") for name in foreign):
        model = next((name for name in foreign if not name.startswith("torch.")), foreign[0])
        return (
            f"is a whole model ({_shown(model)}), which only the program that made it can open. In "
            "that program, save its weights alone: model.state_dict() with torch.save."
        )
    return (
        f"holds more than weights: {_shown(foreign[0])}, which belongs to the program that made it "
        "and was not run. In that program, save the weights alone: "
        "model.state_dict() with torch.save."
    )


def _wants_to_act(name: str) -> bool:
    """Whether this is a function, or anything of Python itself that is no plain value."""
    last = name.rpartition(".")[2]
    return last[:1].islower() or last[:1] == "_" or name.split(".")[0] in sys.stdlib_module_names


def _shown(name: str) -> str:
    return ascii(name)[1:-1][:80]
