"""Copies of the checkout, each with a Python of its own that finds this copy's packages.

Half of the tests start `python -I -m ...`: only what site-packages says counts there. So each copy
has a virtual environment, which names the copy first and then what is installed in the checkout's.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
IN_COPIES = ("measured.py", "reporting.py")  # what runs there, beside the tests
INSTALLED = Path(sysconfig.get_paths()["purelib"])


@dataclass(frozen=True)
class Copy:
    """One copy below *directory*, which lies in no repository."""

    directory: Path

    @property
    def tree(self) -> Path:
        return self.directory / "tree"

    @property
    def temporary(self) -> Path:
        return self.directory / "tmp"

    @property
    def site_packages(self) -> Path:
        return next((self.directory / "venv" / "lib").glob("python*")) / "site-packages"

    @property
    def python(self) -> Path:
        return self.directory / "venv" / "bin" / "python"

    def environment(self, **changes: str) -> dict[str, str]:
        binaries = os.pathsep.join([str(self.python.parent), os.environ.get("PATH", os.defpath)])
        return {**os.environ, "PATH": binaries, "TMPDIR": str(self.temporary), **changes}

    def clear(self) -> None:
        """Remove what the last run has left in the way of files."""
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir()


def files() -> list[str]:
    """Return the checkout's files, those that git ignores left out."""
    listed = subprocess.run(
        ("git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z"),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return sorted(name for name in set(listed.split("\0")) if name and (ROOT / name).is_file())


def fingerprint(names: list[str]) -> str:
    """Return what changes with anything that may change which test runs which line."""
    digest = hashlib.sha256(sys.version.encode())
    for name in names:
        if name.endswith((".md", ".toml")) and not name.endswith("pyproject.toml"):
            continue
        digest.update(f"{name}\0".encode() + hashlib.sha256((ROOT / name).read_bytes()).digest())
    return digest.hexdigest()[:16]


def make_copy(directory: Path, names: list[str]) -> Copy:
    copy = Copy(directory)
    for name in names:
        target = copy.tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    venv.create(directory / "venv", symlinks=True, with_pip=False)
    (copy.site_packages / "copy.pth").write_text(f"{copy.tree}\n{INSTALLED}\n")
    for script in Path(sys.executable).parent.iterdir():
        target = copy.python.parent / script.name
        if not target.exists() and script.is_file():
            _take_script(script, target, copy.python)
    for module in IN_COPIES:
        shutil.copy2(Path(__file__).with_name(module), copy.site_packages)
    copy.clear()
    return copy


def _take_script(script: Path, target: Path, python: Path) -> None:
    """Take a program over; one of Python is run by the copy's."""
    content = script.read_bytes()
    first, _, rest = content.partition(b"\n")
    if first.startswith(b"#!") and b"python" in first:
        target.write_bytes(b"#!" + str(python).encode() + b"\n" + rest)
        target.chmod(0o755)
    else:
        target.symlink_to(script.resolve())
