# ruff: noqa: A002  the parameter names are ComfyUI's
"""The V3 schema. Options that this pack does not use are left out.

Sockets are keyword-only here, so that a call cannot depend on the order of ComfyUI's parameters.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Any

class FolderType(str, Enum):
    input = "input"
    output = "output"
    temp = "temp"

class Hidden(str, Enum):
    prompt = "PROMPT"
    extra_pnginfo = "EXTRA_PNGINFO"
    unique_id = "UNIQUE_ID"

class NumberDisplay(str, Enum):
    number = "number"
    slider = "slider"

class HiddenHolder:
    prompt: dict[str, Any] | None
    extra_pnginfo: dict[str, Any] | None
    unique_id: str | None

class UIOutput: ...

class Input:
    id: str
    optional: bool
    def get_io_type(self) -> str: ...
    def __init__(
        self,
        id: str,
        *,
        optional: bool = False,
        tooltip: str | None = None,
        extra_dict: dict[str, Any] | None = None,
    ) -> None: ...

class Output:
    def __init__(
        self,
        id: str | None = None,
        *,
        display_name: str | None = None,
        tooltip: str | None = None,
    ) -> None: ...

class ComfyTypeIO:
    io_type: str
    Input = Input
    Output = Output

def Custom(io_type: str) -> type[ComfyTypeIO]: ...  # noqa: N802

class Image(ComfyTypeIO): ...
class Audio(ComfyTypeIO): ...
class Video(ComfyTypeIO): ...
class Mask(ComfyTypeIO): ...

class Boolean(ComfyTypeIO):
    class Input(Input):
        def __init__(
            self,
            id: str,
            *,
            optional: bool = False,
            tooltip: str | None = None,
            default: bool | None = None,
            advanced: bool | None = None,
        ) -> None: ...

class Int(ComfyTypeIO):
    class Input(Input):
        min: int | None
        max: int | None
        def __init__(
            self,
            id: str,
            *,
            optional: bool = False,
            tooltip: str | None = None,
            default: int | None = None,
            min: int | None = None,
            max: int | None = None,
            step: int | None = None,
            advanced: bool | None = None,
            display_mode: NumberDisplay | None = None,
        ) -> None: ...

class Float(ComfyTypeIO):
    class Input(Input):
        min: float | None
        max: float | None
        def __init__(
            self,
            id: str,
            *,
            optional: bool = False,
            tooltip: str | None = None,
            default: float | None = None,
            min: float | None = None,
            max: float | None = None,
            step: float | None = None,
            round: float | None = None,
            advanced: bool | None = None,
            display_mode: NumberDisplay | None = None,
        ) -> None: ...

class String(ComfyTypeIO):
    class Input(Input):
        def __init__(
            self,
            id: str,
            *,
            optional: bool = False,
            tooltip: str | None = None,
            default: str | None = None,
            advanced: bool | None = None,
        ) -> None: ...

class Combo(ComfyTypeIO):
    class Input(Input):
        options: list[str]
        def __init__(
            self,
            id: str,
            options: Sequence[str],
            *,
            optional: bool = False,
            tooltip: str | None = None,
            default: str | None = None,
            advanced: bool | None = None,
            extra_dict: dict[str, Any] | None = None,
        ) -> None: ...

class MultiType:
    class Input(Input):
        def __init__(
            self,
            id: str,
            types: Sequence[type[ComfyTypeIO]],
            *,
            optional: bool = False,
            tooltip: str | None = None,
        ) -> None: ...

class ImageCompare(ComfyTypeIO): ...

class Autogrow(ComfyTypeIO):
    class TemplateNames:
        def __init__(self, input: Input, names: list[str], min: int = 1) -> None: ...

    class Input(Input):
        def __init__(
            self,
            id: str,
            *,
            template: Autogrow.TemplateNames,
            optional: bool = False,
            tooltip: str | None = None,
        ) -> None: ...

class DynamicCombo(ComfyTypeIO):
    class Option:
        key: str
        inputs: list[Input]
        def __init__(self, key: str, inputs: list[Input]) -> None: ...

    class Input(Input):
        options: list[DynamicCombo.Option]
        def __init__(
            self,
            id: str,
            options: list[DynamicCombo.Option],
            *,
            optional: bool = False,
            tooltip: str | None = None,
        ) -> None: ...

class Schema:
    inputs: list[Input]
    def __init__(
        self,
        *,
        node_id: str,
        display_name: str | None = None,
        category: str = "sd",
        inputs: Sequence[Input] = (),
        outputs: Sequence[Output] = (),
        hidden: Sequence[Hidden] = (),
        description: str = "",
        search_aliases: Sequence[str] = (),
        is_output_node: bool = False,
        is_input_list: bool = False,
    ) -> None: ...

class NodeOutput:
    def __init__(self, *args: Any, ui: UIOutput | dict[str, Any] | None = None) -> None: ...

class ComfyNode:
    hidden: HiddenHolder
    @classmethod
    def define_schema(cls) -> Schema: ...
    # Any arguments at all: each node names its own, which an ordinary base method would forbid.
    @classmethod
    def execute(cls, *args: Any, **kwargs: Any) -> NodeOutput: ...
