"""Nodes of this pack as earlier versions had them, and what becomes of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field

from .forms import (
    COMPARE,
    DETECT_CUTS,
    DYNAMIC_COMBO,
    ENCODER_OPTIONS,
    EXPORT_VIDEO,
    INTERPOLATE,
    INTERPOLATE_VIDEO,
    SAFA_ENHANCE,
    SAFA_ENHANCE_VIDEO,
    SAFA_LOAD_MODEL,
    Form,
    Widget,
    names_of,
)
from .graph import Change, Graph, Link, NodeId
from .report import Report


def _options(end: str) -> tuple[Widget, ...]:
    return (
        ("quality", "COMBO", "fast"),
        ("loop", "BOOLEAN", False),
        ("scene_threshold", "FLOAT", 0.2),
        ("at_cut", "COMBO", "nearest"),
        ("duplicates", "COMBO", "keep"),
        ("end", "COMBO", end),
        ("cuts", "STRING", ""),
    )


_SOCKETS = (("model", "RIFE_MODEL"), ("images", "IMAGE"), ("mask", "MASK"))
_OPTIONS = _options("full-duration")
_DITHER, _SPEED, _ = ENCODER_OPTIONS
_RATES: tuple[Widget, ...] = (("source_fps", "FLOAT", 16.0), ("target_fps", "FLOAT", 24.0))
_RETIMED = (("images", "IMAGE"), ("fps", "FLOAT"), ("count", "INT"))
_RAMP: Widget = ("ramp", "STRING", "0:1 1:0.25 2:1")

OLD_INTERPOLATE = Form(
    "RIFEInterpolate",
    _SOCKETS,
    (
        ("multi", "INT", 2),
        ("scale", "COMBO", "1"),
        *_options("last-frame"),
        ("fps", "FLOAT", 16.0),
    ),
    (("images", "IMAGE"), ("count", "INT"), ("fps", "FLOAT")),
    optional=names_of(*_OPTIONS) | {"fps"},
)
RETIME = Form(
    "RIFERetime",
    _SOCKETS,
    (*_RATES, ("speed", "FLOAT", 1.0), ("scale", "COMBO", "1"), *_OPTIONS),
    _RETIMED,
    optional=names_of(*_OPTIONS),
)
SPEED_RAMP = Form(
    "RIFESpeedRamp",
    (*_SOCKETS, ("curve", "CURVE")),
    (*_RATES, _RAMP, ("scale", "COMBO", "1"), *_OPTIONS),
    _RETIMED,
    optional=names_of(*_OPTIONS),
)
OLD_INTERPOLATE_VIDEO = Form(
    "RIFEInterpolateVideo",
    (("model", "RIFE_MODEL"), ("video", "VIDEO"), ("mask", "MASK")),
    (
        ("mode", DYNAMIC_COMBO, "multiplier"),
        ("scale", "COMBO", "1"),
        ("filename_prefix", "STRING", "video/RIFE"),
        ("preset", "COMBO", "share"),
        ("crf", "INT", 20),
        ("audio", "COMBO", "copy"),
        *_OPTIONS,
        ("ffmpeg_options", "STRING", ""),
        ("resume", "BOOLEAN", True),
        *ENCODER_OPTIONS,
    ),
    (("video", "VIDEO"), ("fps", "FLOAT"), ("count", "INT")),
    modes={
        "mode": {
            "multiplier": (("multi", "INT", 2),),
            "target fps": (("fps", "FLOAT", 60.0),),
            "speed": (("speed", "FLOAT", 0.5), ("fps", "FLOAT", 0.0)),
            "speed ramp": (_RAMP, ("fps", "FLOAT", 0.0)),
        }
    },
    optional=names_of(*_OPTIONS, *ENCODER_OPTIONS) | {"ffmpeg_options", "resume"},
)
OLD_DETECT_CUTS = Form(
    "RIFEDetectCuts",
    DETECT_CUTS.sockets,
    (("threshold", "FLOAT", 0.2), ("fps", "FLOAT", 0.0)),
    DETECT_CUTS.outputs,
    optional=frozenset({"fps"}),
)
OLD_COMPARE = Form(
    "RIFECompare",
    COMPARE.sockets,
    (("before_fps", "FLOAT", 16.0), ("after_fps", "FLOAT", 32.0), ("frame", "INT", -1)),
    COMPARE.outputs,
)
LOAD_ENHANCER = Form(
    "RIFELoadEnhancer", (), SAFA_LOAD_MODEL.widgets, (("enhancer", "RIFE_ENHANCER"),)
)
ENHANCE = Form(
    "RIFEEnhance",
    (("enhancer", "RIFE_ENHANCER"), ("images", "IMAGE")),
    SAFA_ENHANCE.widgets,
    SAFA_ENHANCE.outputs,
    optional=SAFA_ENHANCE.optional,
)
ENHANCE_VIDEO = Form(
    "RIFEEnhanceVideo",
    (("enhancer", "RIFE_ENHANCER"), ("video", "VIDEO")),
    SAFA_ENHANCE_VIDEO.widgets,
    SAFA_ENHANCE_VIDEO.outputs,
    optional=SAFA_ENHANCE_VIDEO.optional,
)
OLD_EXPORT_VIDEO = Form(
    "RIFEExportVideo",
    (("images", "IMAGE"), ("audio", "AUDIO")),
    (
        ("fps", "FLOAT", 32.0),
        ("filename_prefix", "STRING", "video/RIFE"),
        ("crf", "INT", 20),
        ("preset", "COMBO", "share"),
        ("ffmpeg_options", "STRING", ""),
        _DITHER,
        _SPEED,
    ),
    (("video", "VIDEO"),),
    optional=names_of(_DITHER, _SPEED) | {"preset", "ffmpeg_options"},
)
EARLIER = (
    OLD_INTERPOLATE,
    RETIME,
    SPEED_RAMP,
    OLD_INTERPOLATE_VIDEO,
    OLD_DETECT_CUTS,
    OLD_COMPARE,
    LOAD_ENHANCER,
    ENHANCE,
    ENHANCE_VIDEO,
    OLD_EXPORT_VIDEO,
)
RENAMED = {
    "RIFEJoinClips": "JoinClipsRIFE",
    "RIFEPreviewMotion": "PreviewMotionRIFE",
    "RIFEMontage": "MontageRIFE",
    "RIFEExportPNG": "ExportPNGRIFE",
}
"""Old id -> new id, of the nodes that store the same as before."""

Inputs = Mapping[str, object]


def _always(inputs: Inputs, promoted: Set[str]) -> bool:  # noqa: ARG001
    return True


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of a kind of node; of several for one kind, the first whose ``when`` holds.

    Attributes:
        old: its form before.
        new: its form now.
        names: old input -> new input, of those that have another name now.
        settings: new inputs with a value that is not the default.
        outputs: the new number of each old output; empty if they stay where they are.
        when: inputs, and the names of those that the node of a subgraph shows -> whether it applies.
        note: what to say of the node.
    """

    old: Form
    new: Form
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    settings: Inputs = field(default_factory=dict[str, object])
    outputs: tuple[int, ...] = ()
    when: Callable[[Inputs, Set[str]], bool] = _always
    note: str = ""


def _is_free(name: str, inputs: Inputs, promoted: Set[str]) -> bool:
    """Tell whether an input has other values than the one stored, which a mode cannot depend on."""
    return isinstance(inputs[name], Link) or name in promoted


def _keeps_speed(inputs: Inputs, promoted: Set[str]) -> bool:
    free = any(_is_free(name, inputs, promoted) for name in ("speed", "target_fps"))
    return not free and inputs["speed"] == 1


RULES = (
    Rule(
        OLD_INTERPOLATE,
        INTERPOLATE,
        {"multi": "mode.multi", "fps": "source_fps"},
        {"mode": "multiplier"},
        outputs=(0, 2, 1),
    ),
    Rule(
        RETIME,
        INTERPOLATE,
        {"target_fps": "mode.target_fps"},
        {"mode": "target fps"},
        when=_keeps_speed,
    ),
    Rule(
        RETIME,
        INTERPOLATE,
        {"speed": "mode.speed", "target_fps": "mode.target_fps"},
        {"mode": "speed"},
    ),
    Rule(
        SPEED_RAMP,
        INTERPOLATE,
        {"ramp": "mode.ramp", "target_fps": "mode.target_fps"},
        {"mode": "speed ramp"},
    ),
    Rule(OLD_INTERPOLATE_VIDEO, INTERPOLATE_VIDEO, {"mode.fps": "mode.target_fps"}),
    Rule(OLD_DETECT_CUTS, DETECT_CUTS, {"threshold": "scene_threshold"}),
    Rule(
        OLD_COMPARE,
        COMPARE,
        {"frame": "show.frame"},
        {"show": "frame"},
        when=lambda inputs, promoted: _is_free("frame", inputs, promoted),
        note="frame can be set from elsewhere, where -1 no longer means the largest difference. "
        "Choose that in show instead.",
    ),
    Rule(
        OLD_COMPARE,
        COMPARE,
        settings={"show": "largest difference"},
        when=lambda inputs, _: inputs["frame"] == -1,
    ),
    Rule(OLD_COMPARE, COMPARE, {"frame": "show.frame"}, {"show": "frame"}),
    Rule(LOAD_ENHANCER, SAFA_LOAD_MODEL),
    Rule(ENHANCE, SAFA_ENHANCE, {"enhancer": "model"}),
    Rule(ENHANCE_VIDEO, SAFA_ENHANCE_VIDEO, {"enhancer": "model"}),
    Rule(OLD_EXPORT_VIDEO, EXPORT_VIDEO),
)


def update(graph: Graph, report: Report) -> None:
    """Bring the nodes of this pack in a graph to their present form."""
    for old in EARLIER:
        rules = [rule for rule in RULES if rule.old is old]
        for node in graph.nodes_of(old.type):
            if _is_current(graph, node, rules[0]):
                continue
            if graph.fits(node, old):
                _apply(graph, node, rules, report)
            else:
                report.left.append(
                    f"node {node}, {old.type}: its values fit neither this version nor an earlier "
                    "one. Look it through in ComfyUI and save the workflow again."
                )
    for old, new in RENAMED.items():
        for node in graph.nodes_of(old):
            graph.rename_node(node, new)
            report.tell_renamed(node, old, new)
    graph.rename_type("RIFE_ENHANCER", "SAFA_MODEL")


def _is_current(graph: Graph, node: NodeId, rule: Rule) -> bool:
    if rule.old.type != rule.new.type or graph.names_of(node) & (rule.old.names - rule.new.names):
        return False
    return graph.fits(node, rule.new)


def _apply(graph: Graph, node: NodeId, rules: list[Rule], report: Report) -> None:
    given, promoted = graph.inputs(node, rules[0].old), graph.promoted(node)
    rule = next(rule for rule in rules if rule.when(given, promoted))
    inputs = {rule.names.get(name, name): value for name, value in given.items()}
    inputs |= rule.settings
    change = Change(rule.new, rule.names, rule.outputs, keeps_look=True)
    graph.replace(node, change, inputs)
    changed = {*rule.names.values(), *rule.settings}
    told = {name: value for name, value in inputs.items() if name in changed}
    report.tell(node, rule.old.type, rule.new, told)
    if rule.note:
        report.note(f"node {node}: {rule.note}")
