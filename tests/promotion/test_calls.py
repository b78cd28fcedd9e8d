"""A promotion costs calls for the Git folders that move, whatever the size of the workspace."""

from __future__ import annotations

import itertools
import threading
from collections import Counter

from builders import ETL, NEW, InMemoryFolders, a_folder, a_push

from promotion.databricks import WorkspaceObject
from promotion.model import Conclusion
from promotion.workspace import Workspace, promote_in_workspace

FOLDERS, MATCHING, PAGE = 2000, 100, 20


class CountedWorkspace(InMemoryFolders):
    """An in-process workspace with everything under /Repos, that counts the calls of its kind."""

    host = "https://adb-1.azuredatabricks.net"

    def __init__(self, *folders):
        super().__init__(*folders)
        self.listing = sorted(folders, key=lambda folder: folder.path)
        self.calls: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count(self, call):
        with self._lock:
            self.calls[call] += 1

    def get_git_folder(self, repo_id):
        self.count("GET")
        return super().get_git_folder(repo_id)

    def update_git_folder(self, repo_id, **more):
        self.count("PATCH")
        super().update_git_folder(repo_id, **more)

    def list_git_folders(self, prefix):
        found = iter(self.listing if prefix == "/Workspace/Repos" else ())
        while True:
            self.count("list")
            page = list(itertools.islice(found, PAGE))
            yield from page
            if len(page) < PAGE:
                return

    def list_directory(self, path):
        self.count("directory")
        entries = self.listing if path == "/Repos" else ()
        return [WorkspaceObject(each.id, each.path, "REPO", git_folder=True) for each in entries]


def a_large_workspace():
    every = FOLDERS // MATCHING
    return CountedWorkspace(
        *(
            a_folder(
                id=n + 1,
                path=f"/Repos/team/folder-{n:04}",
                branch="main" if n % every == 0 else "wip",
            )
            for n in range(FOLDERS)
        )
    )


def test_a_push_costs_three_calls_for_each_git_folder_that_moves():
    databricks = a_large_workspace()
    workspace = Workspace("dev", databricks)
    workspace.known.refreshed()
    scan = Counter(databricks.calls)

    report = promote_in_workspace(a_push(), [ETL], workspace)

    workspace.known.refreshed()
    assert [outcome.conclusion for outcome in report.outcomes] == [Conclusion.SUCCESS] * MATCHING
    assert {outcome.after for outcome in report.outcomes} == {NEW}
    assert databricks.calls - scan == Counter(GET=2 * MATCHING, PATCH=MATCHING)


def test_a_survey_costs_a_call_for_each_page_and_each_directory():
    databricks = a_large_workspace()

    Workspace("dev", databricks).known.refreshed()

    roots, empty = 3, 2
    pages = FOLDERS // PAGE + 1 + 2 * empty  # the empty roots are asked for in both forms
    assert databricks.calls == Counter(list=pages, directory=roots)
