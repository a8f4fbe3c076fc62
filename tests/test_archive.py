"""The archive of the Comfy Registry: what is in it, and that nothing in it alarms a scan.

The rules of tests/helpers/archive.yar are written for YARA and not for Python's own parser, as the scans
that packs go through read text: a rule sees every file, a script and a comment like code. What YARA
cannot tell, which module may import which, is the business of test_layering.py.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pytest

from tests.helpers.archive import ROOT, Pattern, Scanner, git_files, packed_files, read_patterns

# What may lie at the top of the archive. Code, and what ComfyUI looks for by its name:
LOADED = {"__init__.py", "cli", "nodes", "rife_arch", "vfi", "ckpts", "pyproject.toml"}
SHOWN = {"web", "locales", "example_workflows"}
# What a person reads or calls; a program at the top is for users:
READ = {"README.md", "LICENSE", "CHANGELOG.md", "docs", "requirements.txt", "requirements-dev.txt"}
PROGRAMS = {path.name for path in ROOT.glob("*.py")} | {"migrate"}
HELP_PAGES = sorted((ROOT / "web" / "docs").rglob("*.md"))
# folder -> the kinds of files that belong there
KINDS = {
    "": {".py", ".md", ".toml", ".txt", ""},
    "ckpts": {".json", ".md"},
    "docs": {".md", ".jpg", ".webp"},
    "example_workflows": {".json", ".jpg"},
    "locales": {".json"},
    "web": {".js", ".md", ".jpg"},
    **{folder: {".py"} for folder in ("cli", "migrate", "nodes", "rife_arch", "vfi")},
}
LARGEST = 500_000  # bytes

# What the rules find and why it may stay: rule and pattern, file -> reason
REVIEWED = {
    ("opens_connections$client", "rife_arch/catalog/fetch.py"): "asks for a checkpoint, over https",
    (
        "opens_connections$hub",
        "vfi/measure/perceptual/distance.py",
    ): "asks where torch keeps weights",
    ("weakens_https$plain", "vfi/measure/plot.py"): "the name of SVG's namespace, not an address",
    ("reads_the_environment$module", "vfi/encode/encoders.py"): "SVT_LOG, see below",
    ("leaves_its_folders$home", "rife_arch/catalog/download.py"): "~ in a path to read",
}
# Where each module writes. What nodes write goes to paths from nodes/support/output_files.py, which has
# them from ComfyUI: below its output folder, or its temporary folder.
WRITERS = {
    "nodes/support/foreign_video.py": "sound, to a temporary folder that is removed",
    "nodes/support/output_files.py": "sound, to a temporary folder; a still, to ComfyUI's",
    "nodes/support/progress.py": "a live picture, to ComfyUI's temporary folder",
    "nodes/support/video_source.py": "a video in memory, to a temporary folder that is removed",
    "rife_arch/catalog/download.py": "a download, to the folder of models",
    "rife_arch/catalog/fetch.py": "a download, to the folder of models",
    "rife_arch/catalog/verify.py": "the hash of a download, beside it",
    "rife_arch/checkpoints/canonicalize.py": "to memory",
    "rife_arch/evaluation/cpu/kernels.py": "compiled loops, to the cache of numba",
    "rife_arch/models/timings.py": "what was measured on a GPU, to __pycache__ beside it",
    "vfi/image_files/png.py": "to memory",
    "vfi/jobs/join.py": "sound, to a temporary folder that is removed",
    "vfi/write/apart.py": "segments of a video, beside it",
    "vfi/write/encoding_thread.py": "segments of a video, beside it",
    "vfi/write/exif.py": "the workflow, into the output",
    "vfi/write/finished.py": "a converted checkpoint or workflow, to the path that was asked for",
    "vfi/write/image_sequence.py": "pictures, to the output",
    "vfi/write/numbered_images.py": "pictures, to the output",
    "vfi/write/lock.py": "a lock, beside the output",
    "vfi/write/mux.py": "a video, to the output",
    "vfi/write/segments.py": "segments of a video, beside it",
    "vfi/write/spool.py": "frames that wait for their segment, beside the video",
    "vfi/write/video.py": "a video, to the output",
    "vfi/write/wav.py": "sound, to a path that it is given",
    "cli/terminal.py": "messages, to the terminal",
    "cli/demo_clip.py": "the demo, to the current folder",
    "cli/evaluation.py": "the folder for sheets that was asked for",
}


@pytest.fixture(scope="module")
def archive() -> set[str]:
    return packed_files()


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner()


@pytest.fixture(scope="module")
def found(archive: set[str], scanner: Scanner) -> set[tuple[str, str]]:
    """Rule and pattern, file."""
    return {
        (rule + pattern, name)
        for name in archive
        for rule, caught in scanner.scan(name, (ROOT / name).read_bytes()).items()
        for pattern in caught
    }


def test_scan_finds_only_what_was_reviewed(found: set[tuple[str, str]]) -> None:
    assert {
        (rule, name) for rule, name in found if not rule.startswith("writes_files")
    } == REVIEWED.keys()


def test_only_modules_that_were_reviewed_write_files(found: set[tuple[str, str]]) -> None:
    assert {name for rule, name in found if rule.startswith("writes_files")} == WRITERS.keys()


def test_the_one_environment_variable_silences_an_encoder() -> None:
    # SVT-AV1 listens to nothing else.
    text = (ROOT / "vfi/encode/encoders.py").read_text(encoding="utf-8")
    assert re.findall(r"\bos\.environ.*", text) == ['os.environ.setdefault("SVT_LOG", "1")']


@pytest.mark.parametrize("pattern", read_patterns(), ids=lambda p: f"{p.rule}{p.name}")
def test_pattern_catches_its_sample(pattern: Pattern, scanner: Scanner) -> None:
    found = [scanner.scan(name, pattern.sample) for name in ("nodes/x.py", "web/x.js")]
    assert any(pattern.name in caught.get(pattern.rule, {}) for caught in found)


@pytest.mark.parametrize(
    "source",
    [
        "network.eval().requires_grad_(False)",
        "PATTERN = re.compile('x')",
        "torch.compile(network)",
        "from .support.sockets import CATEGORY  # a new socket appears",
        'with path.open("rb") as file:',
        'av.open(f"file:{path}")',
        'text.replace("a", "w")',
        "const found = pattern.exec(text);",
        'import { api } from "../../scripts/api.js";',
    ],
)
def test_what_is_harmless_is_not_caught(source: str, scanner: Scanner) -> None:
    name = "web/x.js" if source.endswith(";") else "nodes/x.py"
    assert scanner.scan(name, source.encode()) == {}


def test_every_file_is_of_a_kind_that_belongs_to_its_folder(archive: set[str]) -> None:
    paths = [PurePosixPath(name) for name in archive]
    strays = [
        str(path)
        for path in paths
        if path.suffix not in KINDS["" if len(path.parts) == 1 else path.parts[0]]
    ]
    assert strays == []


def test_no_file_is_large(archive: set[str]) -> None:
    assert [name for name in archive if (ROOT / name).stat().st_size > LARGEST] == []


def test_archive_holds_what_users_need_and_nothing_else(archive: set[str]) -> None:
    assert {name.split("/")[0] for name in archive} <= LOADED | SHOWN | READ | PROGRAMS


def test_archive_holds_whatever_of_it_there_is(archive: set[str]) -> None:
    wanted = LOADED | SHOWN | READ | PROGRAMS
    there = {name for name in git_files() if name.split("/")[0] in wanted}
    left_out = {name for name in there - archive if not name.endswith(".gitignore")}
    rooms = ("cli/cluster/", "cli/devices/", "cli/spread/")
    code = {name for name in left_out if not name.startswith(("docs/", *rooms))}
    assert code == {"cli/package_index.py", "train.py"}
    assert not any(name.startswith(rooms) for name in archive)
    assert "ckpts/catalog.json" in archive


def test_archive_holds_users_documents_without_developers(archive: set[str]) -> None:
    documents = {name for name in archive if name.startswith("docs/")}
    for_users = {"checkpoints.md", "enhancement.md", "troubleshooting.md"}
    assert {f"docs/{name}" for name in (*for_users, "images/interpolation.jpg")} <= documents
    for_developers = ("decisions", "architecture", "pyramid", "testing")
    assert not any(word in name for name in documents for word in for_developers)


@pytest.mark.parametrize("page", HELP_PAGES, ids=lambda path: path.stem)
def test_help_page_shows_a_picture_that_is_packed(page: Path, archive: set[str]) -> None:
    links = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    assert links
    # Relative to web/docs, whatever the language of the page: so the front end finds them.
    assert {f"web/docs/{link}" for link in links} <= archive


def test_pictures_of_help_pages_are_small_and_all_shown(archive: set[str]) -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in HELP_PAGES)
    pictures = {name for name in archive if name.startswith("web/docs/images/")}
    assert all(name.removeprefix("web/docs/") in pages for name in pictures)
    sizes = [(ROOT / name).stat().st_size for name in pictures]
    assert max(sizes) <= 120_000
    assert sum(sizes) < 600_000


def test_archive_is_small(archive: set[str]) -> None:
    assert sum((ROOT / name).stat().st_size for name in archive) < 5_000_000
