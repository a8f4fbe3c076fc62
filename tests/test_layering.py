"""Which package and which room may import which, and how large things may get."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STDLIB = sys.stdlib_module_names
# package -> what it may import beside the standard library
ALLOWED = {
    "rife_arch": {
        *("rife_arch", "torch", "einops", "numpy", "numba", "llvmlite", "safetensors", "requests"),
    },
    "vfi": {"vfi", "torch", "einops", "numpy", "av", "PIL"},
    "migrate": {"migrate", "rife_arch", "vfi"},
    "cli": {"cli", "rife_arch", "vfi", "av", "torch", "tqdm"},
    "training": {
        "training",
        "cli",
        "rife_arch",
        "vfi",
        "torch",
        "numpy",
        "PIL",
        "safetensors",
        "tqdm",
    },
    "nodes": {
        "nodes",
        "rife_arch",
        "vfi",
        "torch",
        "numpy",
        "PIL",
        "comfy",
        "comfy_api",
        "comfy_execution",
        "folder_paths",
        "server",
    },
}
# folder -> what is imported there and nowhere else
EXTRAS = {
    "cli/cluster": {"ray", "numpy"},
    "rife_arch/evaluation/gpu": {"triton"},
    "vfi/measure/perceptual": {"lpips"},
}
# room -> the rooms of its package that it may import; "" is the package's own modules
ROOMS = {
    "vfi": {
        "timing": {""},
        "image_files": {""},
        "encode": {""},
        "visualize": {"", "timing"},
        "read": {"", "timing", "image_files"},
        "preprocess": {"", "timing"},
        "synthesis": {"", "timing"},
        "write": {"", "image_files", "encode", "read"},
        "measure": {"", "image_files", "read", "preprocess", "synthesis", "visualize"},
        "jobs": {
            *("", "timing", "encode", "visualize", "read", "preprocess", "synthesis", "write"),
        },
        "": {""},
    },
    "rife_arch": {
        "networks": {""},
        "evaluation": {"", "networks"},
        "checkpoints": {"", "networks"},
        "models": {"", "networks", "evaluation"},
        "catalog": {"", "networks", "checkpoints"},
        "": {"", "networks", "checkpoints", "models"},  # load.py composes them
    },
}
LIBRARIES = ("rife_arch", "vfi", "nodes")  # those ComfyUI imports under another name
MODULES = [path for package in ALLOWED for path in sorted((ROOT / package).rglob("*.py"))]
TABLES = {"config.py", "presets.py"}  # data, as long as there are things to list
SCHEMAS = re.compile(r"define_schema|\w*_inputs|_?add_\w+_options")


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


def room_of(path: Path) -> str:
    """The room a module, or a package, is in; "" for the package's own modules."""
    parts = path.relative_to(ROOT).parts
    return parts[1] if len(parts) > 2 or (ROOT / parts[0] / parts[1]).is_dir() else ""


def imports_in(path: Path, source: str | None = None) -> Iterator[Path | str]:
    """What a module imports: modules of the project as paths, others by their top-level name."""
    for node in ast.walk(ast.parse(path.read_text() if source is None else source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            words = (node.module or "").split(".") if node.module else []
            base = path.parents[node.level - 1] if node.level else ROOT
            target = base.joinpath(*words)
            if node.level == 0 and words[0] not in ALLOWED:
                yield words[0]
            elif words:
                yield target
            else:  # from . import module
                names = [target / alias.name for alias in node.names]
                yield from (name for name in names if is_module(name))


def is_module(path: Path) -> bool:
    return path.is_dir() or path.with_suffix(".py").is_file()


def wrong_imports(path: Path, source: str | None = None) -> list[str]:
    """What a module may not import."""
    return [
        str(target)
        for target in imports_in(path, source)
        if not (may_import_name(path, target) if isinstance(target, str) else may(path, target))
    ]


def may_import_name(path: Path, name: str) -> bool:
    extras = EXTRAS.get(path.parent.relative_to(ROOT).as_posix(), set())
    return name in ALLOWED[package_of(path)] | STDLIB | extras


def may(path: Path, target: Path) -> bool:
    package, other = package_of(path), package_of(target)
    if other not in ALLOWED[package]:
        return False
    if other not in ROOMS or target == ROOT / other:
        return True
    room, wanted = room_of(path) if package == other else None, room_of(target)
    if room == wanted:
        return True
    # From outside, a room is what its __init__ exports: nobody reaches into its modules. A room in
    # a room (evaluation/cpu) is one of its own.
    is_room = target.is_dir() or not wanted
    return is_room and (room is None or wanted in ROOMS[package][room])


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_imports_only_what_it_may(path: Path) -> None:
    assert wrong_imports(path) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("vfi/read/clip.py", "from ..write import VideoWriter"),
        ("vfi/read/clip.py", "from ..timing.parse import parse_rate"),
        ("vfi/preprocess/cuts.py", "from ..synthesis import AtCut"),
        ("vfi/frames.py", "from .timing import Schedule"),
        ("vfi/jobs/render.py", "from ...rife_arch import RifeModel"),
        ("rife_arch/networks/ifnet.py", "from ..evaluation import Pyramid"),
        ("rife_arch/load.py", "from .networks.config import PRESETS"),
        ("rife_arch/networks/warp.py", "import numpy, av"),
        ("nodes/load.py", "from ..vfi.read.video import probe_video"),
        ("nodes/compare.py", "from ..cli.plan import Plan"),
        ("cli/plan.py", "from vfi.write.video import VideoWriter"),
        ("cli/program.py", "import ray"),
        ("vfi/measure/contest.py", "import lpips"),
        ("rife_arch/evaluation/pyramid.py", "import triton"),
        ("vfi/measure/datasets.py", "from ..write import write_whole"),
    ],
)
def test_wrong_import_is_noticed(path: str, source: str) -> None:
    assert len(wrong_imports(ROOT / path, source)) == 1


@pytest.mark.parametrize("package", ROOMS)
def test_every_room_is_in_the_order_and_says_what_it_is(package: str) -> None:
    rooms = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    assert rooms == ROOMS[package].keys() - {""}
    for room in rooms:
        documented = ast.get_docstring(
            ast.parse((ROOT / package / room / "__init__.py").read_text())
        )
        assert documented
        assert re.search(r"\bimport", documented)


@pytest.mark.parametrize("path", sorted((ROOT / "nodes").glob("*.py")), ids=lambda path: path.name)
def test_node_file_imports_no_other_node_file(path: Path) -> None:
    nodes = {other.with_suffix("") for other in (ROOT / "nodes").glob("*.py")}
    imported = {target for target in imports_in(path) if isinstance(target, Path)}
    assert path.name == "__init__.py" or not imported & nodes


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if package_of(path) in LIBRARIES],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_packages_import_themselves_relatively(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"^\s*(from|import) (rife_arch|vfi|nodes)\b", text, re.MULTILINE)


# SVT-AV1 listens to nothing else when it is to be quiet.
ENVIRONMENT = {
    "vfi/encode/encoders.py": ["os.environ"],
    "cli/cluster/environment.py": ["os.environ", "os.environ"],  # of Ray, for --ray only
}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_touches_devices_or_the_environment_at_import(path: Path) -> None:
    allowed = ENVIRONMENT.get(str(path.relative_to(ROOT)), [])
    assert touches_of(path.read_text()) == allowed


@pytest.mark.parametrize(
    "source",
    [
        "import os\nHOME = os.environ['HOME']",
        "import os\nHOME = os.getenv('HOME')",
        "import torch\nDEVICE: object = torch.device('cpu')",
        "import torch\nclass A:\n    zeros = torch.zeros(1).cuda()",
        "import torch\nif torch.cuda.is_available():\n    FAST = True",
        "import torch\nZEROS = torch.zeros(1).to('cuda')",
        "import warnings\nwarnings.filterwarnings('ignore')",
    ],
)
def test_touching_them_at_import_is_noticed(source: str) -> None:
    assert touches_of(source)
    inside = "def function():\n" + "".join(f"    {line}\n" for line in source.splitlines())
    assert "import os" in source or not touches_of(inside)


def touches_of(source: str) -> list[str]:
    """List the environment variables, anywhere, and the devices and filters, at import."""
    tree = ast.parse(source)
    touched = [ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.Attribute)]
    touched = [name for name in touched if name in ("os.environ", "os.getenv")]
    for node in executed_at_import(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if re.search(
                r"torch\.device$|\.(cuda|to)$|^torch\.(cuda|backends|set_)|^warnings\.", name
            ):
                touched.append(name)
    return touched


def executed_at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what runs when a module is imported: not the bodies of functions."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield node
            yield from executed_at_import(node)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_short(path: Path) -> None:
    source = path.read_text()
    assert path.name in TABLES or len(source.splitlines()) <= 350
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and not SCHEMAS.fullmatch(node.name):
            assert (node.end_lineno or 0) - node.lineno < 50, node.name


@pytest.mark.parametrize("module", ["vfi.timing", "vfi.encode"])
def test_light_rooms_do_not_load_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_compiled_loops_are_not_loaded_at_start_up() -> None:
    code = (
        "import sys, rife_arch.load, rife_arch.evaluation.gpu;"
        "loaded = {name.split('.')[0] for name in sys.modules};"
        "sys.exit(bool(loaded & {'numba', 'triton'}))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_pack_without_comfyui_imports_nothing() -> None:
    code = (
        "import importlib.util as u; s = u.spec_from_file_location('pack', '__init__.py');"
        "m = u.module_from_spec(s); s.loader.exec_module(m); assert not hasattr(m, 'nodes')"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    "path", sorted((ROOT / "nodes").glob("[!_]*.py")), ids=lambda path: path.stem
)
def test_every_node_has_what_arrives_on_its_inputs_checked(path: Path) -> None:
    tree = ast.parse(path.read_text())
    (execute,) = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "execute"
    )
    # Of inputs that are lists each item is converted; see JoinClipsRIFE.
    if "is_input_list=True" not in path.read_text():
        assert [ast.unparse(decorator) for decorator in execute.decorator_list] == [
            "classmethod",
            "checked",
        ]
