"""The peers that are compared, each in a fresh process: `python -m benchmarks.peers NAME URL`.

Each brings the Git folders of the stand-in workspace that follow `main` to the push, and prints
the seconds from the call, with everything imported, to the last answer.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from benchmarks.workspace import URL
from promotion.clock import SystemClock
from promotion.databricks import Databricks
from promotion.discovery import Scan
from promotion.git_credential import GitToken
from promotion.http import Http, open_session
from promotion.known_folders import NoMemory
from promotion.model import Conclusion, GitFolder, Push
from promotion.repository_url import RepositoryKey
from promotion.throttle import AdaptiveLimiter
from promotion.workspace import PromotionContext, Workspace, promote_in_workspace

BEFORE, FIRST, SECOND = "0" * 40, "1" * 40, "2" * 40
AT_ONCE = 16
TOKEN = "Bearer benchmark"


class Remembered(NoMemory):
    """A cache that already has the whole workspace."""

    def __init__(self, url: str) -> None:
        answer = requests.get(f"{url}/benchmark/folders", timeout=60)
        self._seen = Scan(tuple(map(_git_folder, answer.json())), ())

    def load(self) -> Scan | None:
        return self._seen


class Tokens:
    """An App's tokens for the Git credential slot."""

    holder = "installation 1"

    def mint(self, repositories: frozenset[str]) -> GitToken:
        return GitToken("x-access-token", f"for {len(repositories)} repositories")


def workflow(url: str) -> float:
    """List every page, then PATCH the matches one after another, as hand-written jobs do."""
    move_tip(url, FIRST)
    headers = {"Authorization": TOKEN}
    began = time.perf_counter()
    matches, params = [], {"path_prefix": "/Workspace/Repos"}
    while True:
        answer = requests.get(f"{url}/api/2.0/repos", params=params, headers=headers, timeout=60)
        answer.raise_for_status()
        page = answer.json()
        matches += [r["id"] for r in page["repos"] if (r["url"], r["branch"]) == (URL, "main")]
        if "next_page_token" not in page:
            break
        params["next_page_token"] = page["next_page_token"]
    for number in matches:
        requests.patch(
            f"{url}/api/2.0/repos/{number}", json={"branch": "main"}, headers=headers, timeout=600
        ).raise_for_status()
    return time.perf_counter() - began


def sdk_pool(url: str) -> float:
    """List with Databricks' SDK, then update in a pool of 16."""
    from databricks.sdk import WorkspaceClient

    move_tip(url, FIRST)
    client = WorkspaceClient(host=url, token="benchmark", auth_type="pat")
    began = time.perf_counter()
    listed = client.repos.list(path_prefix="/Workspace/Repos")
    matches = [repo.id for repo in listed if (repo.url, repo.branch) == (URL, "main")]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda number: client.repos.update(number, branch="main"), matches))
    return time.perf_counter() - began


def known(url: str) -> float:
    """Brickpush with known folders; the refresh runs in the background."""
    return promote(url, open_workspace(url, Remembered(url)), FIRST)


def cold(url: str) -> float:
    """Brickpush without known folders and without a stored Git credential."""
    return promote(url, open_workspace(url, NoMemory()), FIRST, PromotionContext(tokens=Tokens()))


def second(url: str) -> float:
    """Brickpush's second push, when it has measured how long each Git folder takes."""
    workspace = open_workspace(url, Remembered(url))
    promote(url, workspace, FIRST)
    return promote(url, workspace, SECOND)


def memory(url: str) -> float:
    """Return the megabytes, not seconds, that the known folders of a workspace cost."""
    open_workspace(url, NoMemory()).known.refreshed()  # imports what every scan needs
    workspace = open_workspace(url, NoMemory())
    tracemalloc.start()
    known = workspace.known.refreshed()
    workspace.seconds |= {folder.id: 0.1 * n for n, folder in enumerate(known.folders)}
    gc.collect()
    megabytes = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    return megabytes


def open_workspace(url: str, memory: NoMemory) -> Workspace:
    """Return the workspace as the service opens it, but for the sign-in."""
    http = Http(
        url,
        session=open_session(None),
        authorization=lambda: TOKEN,
        limiter=AdaptiveLimiter(SystemClock()),
    )
    return Workspace("benchmark", Databricks(http), memory=memory)


def promote(
    url: str, workspace: Workspace, after: str, helpers: PromotionContext | None = None
) -> float:
    """Promote one push, and return the seconds until the last Git folder was read back."""
    move_tip(url, after)
    push = Push("octo-org/etl", "refs/heads/main", BEFORE, after)
    names = [RepositoryKey("github.com", "octo-org", "etl")]
    began = time.perf_counter()
    report = promote_in_workspace(push, names, workspace, helpers)
    seconds = time.perf_counter() - began
    workspace.known.refreshed()  # waits for the background refresh, so that all its calls count
    failed = [each for each in report.outcomes if each.conclusion is not Conclusion.SUCCESS]
    if report.problem or failed:
        raise SystemExit(f"not promoted: {report.problem} {failed[:1]}")
    return seconds


def move_tip(url: str, after: str) -> None:
    """Push, as far as the stand-in sees it."""
    requests.post(f"{url}/benchmark/push", json={"after": after}, timeout=60).raise_for_status()


def _git_folder(folder: dict[str, Any]) -> GitFolder:
    return GitFolder(**folder)


PEERS: dict[str, Callable[[str], float]] = {
    "workflow": workflow,
    "sdk-pool-16": sdk_pool,
    "known": known,
    "cold": cold,
    "second": second,
    "memory": memory,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Print one line: the seconds, and the counts of the stand-in."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers")
    parser.add_argument("name", choices=PEERS)
    parser.add_argument("url")
    given = parser.parse_args(argv)
    seconds = PEERS[given.name](given.url)
    counts = requests.get(f"{given.url}/benchmark/counts", timeout=60).json()
    sys.stdout.write(f"{json.dumps({'seconds': seconds, **counts})}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
