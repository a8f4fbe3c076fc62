"""The files of the archive that users install, and a scan of them."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yara

ROOT = Path(__file__).resolve().parents[2]
_RULES = Path(__file__).with_name("archive.yar")


def git_files(*options: str) -> set[str]:
    """Tracked files, in the form a/b."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", *options]
    try:
        done = subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs git and a clone of the repository: {error}")
    return set(done.stdout.decode().split("\0")) - {""}


def packed_files() -> set[str]:
    """What `comfy node pack` takes: the files git tracks, less those .comfyignore names."""
    ignored = git_files("--cached", "--ignored", f"--exclude-from={ROOT / '.comfyignore'}")
    return git_files() - ignored


@dataclass(frozen=True)
class Pattern:
    """One line of the rules."""

    rule: str
    name: str
    sample: bytes
    """What it has to catch."""


def read_patterns() -> list[Pattern]:
    patterns: list[Pattern] = []
    rule = ""
    for line in _RULES.read_text(encoding="utf-8").splitlines():
        if found := re.match(r"rule (\w+)", line):
            rule = found[1]
        elif found := re.match(r"\s+(\$\w+) = .*?  // (.*)$", line):
            sample = found[2].encode().decode("unicode_escape").encode("latin-1")
            patterns.append(Pattern(rule, found[1], sample))
    return patterns


class Scanner:
    """Finds what the rules in archive.yar describe."""

    def __init__(self) -> None:
        self._rules = yara.compile(str(_RULES), externals={"path": ""})

    def scan(self, path: str, content: bytes) -> dict[str, dict[str, list[str]]]:
        """Return rule -> pattern -> the texts that it caught in a file of this name."""
        found: dict[str, dict[str, list[str]]] = {}
        for match in self._rules.match(data=content, externals={"path": path}):
            caught = found.setdefault(match.rule, {})
            for pattern in match.strings:
                texts = [hit.matched_data.decode("latin-1") for hit in pattern.instances]
                caught[pattern.identifier] = texts
        return found
