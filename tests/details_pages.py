"""The page of details on a socket, in front of reports that a test recorded."""

from __future__ import annotations

import html
import re
import threading
from dataclasses import replace

import requests
from builders import NEW, OLD, a_folder, a_push
from running import wait_until
from starlette.applications import Starlette

from github_app.reports import outcomes
from github_app.reports.details_link import Links
from github_app.server.details_page import DetailsPage
from github_app.server.http import build_server
from github_app.storage.branches import BranchPush
from promotion.model import Conclusion, Outcome
from promotion.workspace import Report

HOST = "https://adb-1.7.azuredatabricks.net"
SECRETS = ["It's a Secret to Everybody"]


def an_outcome(number=1, **changes):
    """The outcome of one of several Git folders."""
    path = f"/Repos/team-{number}/etl"
    outcome = Outcome(
        a_folder(id=4_503_599_627_370_000 + number, path=path),
        Conclusion.SUCCESS,
        OLD,
        NEW,
        f"at {NEW[:7]}",
        seconds=1.25,
    )
    return replace(outcome, **changes)


def a_pending_push(seq=7, **changes):
    return BranchPush(a_push(**changes), 1, "https://github.com/octo-org/etl", 11, seq, 1.0)


def a_report(*ended, **changes):
    return Report("dev", HOST, outcomes=ended or (an_outcome(),), **changes)


class Pages:
    """The pages on a socket, and what they tell of."""

    def __init__(self, tables):
        self._tables = tables
        urls = []
        self._links = Links("", SECRETS)
        self._page = DetailsPage(tables, "https://github.com")
        app = Starlette(routes=self._page.routes())
        self._server = build_server(app, host="127.0.0.1", port=0, on_listening=urls.append)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        self.url = wait_until(lambda: urls, what="the URL")[0]

    def record(self, told, pushed=None):
        """Keep a report, and return the link to its page."""
        pushed = pushed or a_pending_push()
        with self._tables.begin() as tx:
            link = outcomes.record(tx, pushed, told, at=1_700_000_000.0, links=self._links)
        return self.url + link

    def show(self, told, pushed=None):
        return requests.get(self.record(told, pushed), timeout=30)

    def stop(self):
        self._server.should_exit = True
        self._thread.join()


def words(page):
    """Return what a page says, without its tags."""
    text = re.sub(r"<[^>]+>", " ", page.text.partition("<body>")[2])
    return " ".join(html.unescape(text).split())
