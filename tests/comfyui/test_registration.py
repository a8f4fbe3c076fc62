"""What ComfyUI knows of the pack: names in here are a contract with everyone's workflows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.comfy_server import PACK_FOLDER, Comfy
from tests.helpers.contract import CONTRACT, OPTIONS, RARE_ENCODING, options


@pytest.fixture(params=CONTRACT)
def node(request: pytest.FixtureRequest, comfy: Comfy) -> dict[str, Any]:
    """What ComfyUI says of a node."""
    return comfy.get(f"/object_info/{request.param}")[request.param]


def test_pack_is_imported_without_complaint(comfy: Comfy) -> None:
    log = comfy.log.read_text(errors="replace")
    assert PACK_FOLDER in log
    assert "IMPORT FAILED" not in log


def test_pack_has_these_nodes_and_no_others(comfy: Comfy) -> None:
    module = f"custom_nodes.{PACK_FOLDER}"
    nodes = comfy.get("/object_info").items()
    assert {name for name, node in nodes if node["python_module"] == module} == set(CONTRACT)


def test_inputs_and_outputs_keep_their_names_and_order(node: dict[str, Any]) -> None:
    inputs, outputs = CONTRACT[node["name"]]
    assert list(options(node)) == inputs
    assert node["output"] == outputs


MODES = {
    "multiplier": ["multi"],
    "target fps": ["target_fps"],
    "speed": ["speed", "target_fps"],
    "speed ramp": ["ramp", "target_fps"],
}


@pytest.mark.parametrize(
    ("name", "modes"),
    [
        ("RIFEInterpolate", list(MODES)),
        ("RIFEInterpolateVideo", list(MODES)),
        ("RIFESmooth", ["target fps", "multiplier"]),
    ],
)
def test_inputs_of_the_modes_keep_their_names_and_order(
    comfy: Comfy, name: str, modes: list[str]
) -> None:
    # Saved workflows hold values by position, and these lie between the others.
    mode = options(comfy.get(f"/object_info/{name}")[name])["mode"]
    found = {choice["key"]: choice["inputs"] for choice in mode["options"]}
    assert list(found) == modes  # the first is the default
    assert {key: list(inputs["required"]) for key, inputs in found.items()} == {
        key: MODES[key] for key in modes
    }


def test_a_rate_is_60_where_it_is_asked_for_and_the_sources_elsewhere(comfy: Comfy) -> None:
    mode = options(comfy.get("/object_info/RIFEInterpolate")["RIFEInterpolate"])["mode"]
    defaults = {
        choice["key"]: choice["inputs"]["required"]["target_fps"][1]["default"]
        for choice in mode["options"][1:]
    }
    assert defaults == {"target fps": 60.0, "speed": 0.0, "speed ramp": 0.0}


@pytest.mark.parametrize("name", CONTRACT)
def test_first_float_is_the_rate_of_what_comes_in(comfy: Comfy, name: str) -> None:
    """The front end passes it through where a node with an output fps is bypassed."""
    node = comfy.get(f"/object_info/{name}")[name]
    groups = (node["input"].get(group, {}) for group in ("required", "optional"))
    floats = [key for group in groups for key, spec in group.items() if spec[0] == "FLOAT"]
    if "fps" in node["output_name"]:
        assert floats[0] in ("source_fps", "before_fps")


def test_every_input_and_output_has_a_tooltip(node: dict[str, Any]) -> None:
    assert all(option["tooltip"] for option in options(node).values())
    assert all(node["output_tooltips"])


CATEGORIES = {
    "DetectCutsRIFE": "video/RIFE/inspect",
    "PreviewMotionRIFE": "video/RIFE/inspect",
    "CompareClipsRIFE": "video/RIFE/inspect",
    "MontageRIFE": "video/RIFE/inspect",
    "ExportVideoRIFE": "video/RIFE/export",
    "ExportPNGRIFE": "video/RIFE/export",
    "SAFALoadModel": "video/SAFA",
    "SAFAEnhance": "video/SAFA",
    "SAFAEnhanceVideo": "video/SAFA",
    "FindBestModelRIFE": "video/RIFE/inspect",
}


def test_node_can_be_found_and_explains_itself(node: dict[str, Any]) -> None:
    assert node["category"] == CATEGORIES.get(node["name"], "video/RIFE")
    assert node["display_name"]
    assert node["description"]
    assert node["search_aliases"]


@pytest.mark.parametrize(
    ("name", "is_output"),
    [
        ("RIFESmooth", True),
        ("RIFELoadModel", False),
        ("RIFEInterpolate", False),
        ("JoinClipsRIFE", False),
        ("DetectCutsRIFE", False),
        ("MontageRIFE", False),
        ("CompareClipsRIFE", True),
        ("RIFEInterpolateVideo", True),
        ("PreviewMotionRIFE", True),
        ("SAFALoadModel", False),
        ("SAFAEnhance", False),
        ("SAFAEnhanceVideo", True),
        ("ExportPNGRIFE", True),
        ("ExportVideoRIFE", True),
        ("FindBestModelRIFE", True),
    ],
)
def test_exports_alone_are_output_nodes(comfy: Comfy, name: str, is_output: bool) -> None:
    assert comfy.get(f"/object_info/{name}")[name]["output_node"] is is_output


def test_sound_and_what_was_appended_are_optional(comfy: Comfy) -> None:
    optional = {
        name: list(comfy.get(f"/object_info/{name}")[name]["input"].get("optional", {}))
        for name in CONTRACT
    }
    assert optional == {
        "RIFESmooth": [],
        "RIFELoadModel": ["torch_compile", "evaluation", "device"],
        "RIFEInterpolate": [*OPTIONS, "audio", "curve"],
        "RIFEInterpolateVideo": [*OPTIONS, "ffmpeg_options", "resume", *RARE_ENCODING, "curve"],
        "PreviewMotionRIFE": [],
        "JoinClipsRIFE": ["match", "match_frames"],
        "DetectCutsRIFE": ["fps"],
        "MontageRIFE": ["before_label", "after_label"],
        "CompareClipsRIFE": ["slider"],
        "SAFALoadModel": [],
        "SAFAEnhance": ["scene_threshold", "cuts"],
        "SAFAEnhanceVideo": [
            *("scene_threshold", "cuts", "ffmpeg_options", "resume"),
            *RARE_ENCODING,
        ],
        "ExportPNGRIFE": ["bit_depth", "compression", "workflow_in", "dither", "hdr"],
        "ExportVideoRIFE": ["audio", "ffmpeg_options", *RARE_ENCODING],
        "FindBestModelRIFE": [],
    }


def test_what_is_rarely_changed_is_folded_away(comfy: Comfy) -> None:
    folded = {
        name: [key for key, how in options(node).items() if how.get("advanced")]
        for name in CONTRACT
        for node in comfy.get(f"/object_info/{name}").values()
    }
    shared = ["at_cut", "duplicates", "end", "cuts"]
    assert folded == {
        "RIFESmooth": ["preset", "crf"],
        "RIFELoadModel": ["precision", "torch_compile", "evaluation", "device"],
        "RIFEInterpolate": shared,
        "RIFEInterpolateVideo": [*shared, "ffmpeg_options", "resume", *RARE_ENCODING],
        "PreviewMotionRIFE": [],
        "SAFALoadModel": ["precision"],
        "SAFAEnhance": ["cuts"],
        "SAFAEnhanceVideo": ["cuts", "ffmpeg_options", "resume", *RARE_ENCODING],
        "JoinClipsRIFE": [],
        "DetectCutsRIFE": [],
        "MontageRIFE": ["before_label", "after_label"],
        "CompareClipsRIFE": [],
        "ExportPNGRIFE": ["compression", "workflow_in", "dither", "hdr"],
        "ExportVideoRIFE": ["ffmpeg_options", *RARE_ENCODING],
        "FindBestModelRIFE": ["every"],
    }


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("RIFEInterpolate", "scene_threshold"),
        ("DetectCutsRIFE", "scene_threshold"),
        ("PreviewMotionRIFE", "timestep"),
        ("SAFAEnhance", "scene_threshold"),
        ("SAFAEnhanceVideo", "scene_threshold"),
        ("ExportVideoRIFE", "crf"),
        ("ExportPNGRIFE", "compression"),
    ],
)
def test_what_is_set_by_feel_is_a_slider(comfy: Comfy, name: str, field: str) -> None:
    assert options(comfy.get(f"/object_info/{name}")[name])[field]["display"] == "slider"


@pytest.mark.parametrize("name", ["RIFESmooth", "RIFEInterpolate", "RIFEInterpolateVideo"])
def test_nodes_that_make_frames_are_found_by_the_names_people_type(comfy: Comfy, name: str) -> None:
    aliases = comfy.get(f"/object_info/{name}")[name]["search_aliases"]
    typed = {"rife", "RIFE VFI", "frame interpolation", "vfi", "slow motion", "fps", "smooth"}
    assert typed <= set(aliases)


def test_loader_offers_versions_and_files(comfy: Comfy) -> None:
    model = options(comfy.get("/object_info/RIFELoadModel")["RIFELoadModel"])["model"]
    assert model["default"] == "4.25"
    assert {"4.25", "4.26", "rife_tiny.pth"} <= set(model["options"])


@pytest.mark.parametrize(
    ("name", "field", "expected"),
    [
        (
            "RIFEInterpolate",
            "scale",
            {"default": "1", "options": ["0.25", "0.5", "1", "2", "4", "auto"]},
        ),
        ("RIFEInterpolate", "end", {"default": "auto"}),
        ("RIFEInterpolate", "at_cut", {"default": "nearest"}),
        ("RIFEInterpolate", "scene_threshold", {"default": 0.2, "min": 0.0, "max": 1.0}),
        ("PreviewMotionRIFE", "timestep", {"default": 0.5, "min": 0.0, "max": 1.0}),
        ("RIFEInterpolate", "duplicates", {"default": "keep"}),
        ("RIFEInterpolate", "loop", {"default": False}),
        ("RIFEInterpolate", "source_fps", {"default": 0.0, "min": 0.0, "max": 1000.0}),
        ("RIFEInterpolate", "curve", {"forceInput": True}),  # no editor that cannot be left empty
        ("RIFESmooth", "model", {"default": "4.25"}),
        ("RIFESmooth", "save", {"default": True}),
        ("RIFESmooth", "preset", {"default": "share"}),
        ("JoinClipsRIFE", "overlap", {"default": 0, "min": 0}),
        (
            "JoinClipsRIFE",
            "match",
            {"default": "off", "options": ["off", "mean and spread", "histogram"]},
        ),
        ("JoinClipsRIFE", "match_frames", {"default": 32, "min": 0}),
        ("DetectCutsRIFE", "scene_threshold", {"default": 0.2, "min": 0.0, "max": 1.0}),
        ("MontageRIFE", "layout", {"default": "side-by-side"}),
        ("MontageRIFE", "before_fps", {"default": 16.0, "min": 0.01, "max": 1000.0}),
        ("MontageRIFE", "after_fps", {"default": 32.0, "min": 0.01, "max": 1000.0}),
        ("MontageRIFE", "before_label", {"default": "{fps} fps"}),
        ("ExportVideoRIFE", "crf", {"default": 20, "min": 0, "max": 51}),
        ("ExportVideoRIFE", "fps", {"default": 0.0, "min": 0.0, "max": 1000.0}),
        ("ExportVideoRIFE", "filename_prefix", {"default": "video/RIFE"}),
        ("ExportVideoRIFE", "preset", {"default": "share"}),
        ("ExportVideoRIFE", "ffmpeg_options", {"default": ""}),
        ("SAFALoadModel", "model", {"default": "SAFA 0.5"}),
        ("FindBestModelRIFE", "models", {"default": ""}),
        ("FindBestModelRIFE", "scales", {"default": "1"}),
        ("FindBestModelRIFE", "qualities", {"default": "fast"}),
        ("FindBestModelRIFE", "frames", {"default": 12, "min": 1, "max": 100}),
        ("SAFALoadModel", "precision", {"default": "auto"}),
        ("SAFAEnhance", "scene_threshold", {"default": 0.2, "min": 0.0, "max": 1.0}),
        ("SAFAEnhanceVideo", "preset", {"default": "share"}),
        ("SAFAEnhanceVideo", "resume", {"default": True}),
        ("ExportPNGRIFE", "dither", {"default": False}),
        ("ExportVideoRIFE", "dither", {"default": False}),
        (
            "ExportVideoRIFE",
            "encoder_speed",
            {"default": "normal", "options": ["fast", "normal", "slow"]},
        ),
        ("ExportPNGRIFE", "filename_prefix", {"default": "RIFE"}),
        ("ExportPNGRIFE", "bit_depth", {"default": "8", "options": ["8", "16"]}),
        ("ExportPNGRIFE", "compression", {"default": 4, "min": 0, "max": 9}),
        (
            "ExportPNGRIFE",
            "workflow_in",
            {"default": "every file", "options": ["every file", "first file", "no file"]},
        ),
    ],
)
def test_defaults_and_limits_are_kept(
    comfy: Comfy, name: str, field: str, expected: dict[str, Any]
) -> None:
    found = options(comfy.get(f"/object_info/{name}")[name])[field]
    assert {key: found[key] for key in expected} == expected
