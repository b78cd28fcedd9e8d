"""The architecture page names files that exist, and answers where each thing happens."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir()}
PATH = re.compile(r"\w[\w./-]*")
FILE = re.compile(r".*\.(py|md|toml|json|yml|html|css|js)")
QUESTIONS = [
    "Where is a webhook's signature checked?",
    "Where is a delivery stored?",
    "What makes a branch pending?",
    "Who claims it?",
    "Where is the credential swapped?",
    "Where is a folder's update sent?",
    "Where is read-back decided?",
    "Which text does a check run show?",
    "What happens when a worker dies?",
    "How is a missed push found?",
    "Where does `git push` wait for us?",
    "Where is a token of a developer chosen?",
]


def paths(text):
    """Return what stands in backticks and looks like a file or a folder of ours."""
    quoted = re.findall(r"`([^`\n]+)`", text)
    return [each for each in quoted if PATH.fullmatch(each) and is_ours(each)]


def is_ours(name):
    return FILE.fullmatch(name) is not None or ("/" in name and name.split("/")[0] in FOLDERS)


def rows():
    """Return the cells of the table of questions, without its heading."""
    section = PAGE.partition("## Where is ...?")[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[2:]]


def test_each_path_of_the_architecture_page_exists():
    named = paths(PAGE)

    assert len(named) > 30
    assert [each for each in named if not (ROOT / each).exists()] == []


def test_the_table_answers_twelve_questions_each_with_a_file():
    assert [row[0] for row in rows()] == QUESTIONS
    assert [
        row[0] for row in rows() if not (paths(row[1]) and (ROOT / paths(row[1])[0]).is_file())
    ] == []
