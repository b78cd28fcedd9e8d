"""A plugin of pytest: run the tests in the order that is asked for, and write down how each ended.

While the lines are measured, it also says which test is current.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import measured


class Reporting:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ended: dict[str, dict] = {}
        wanted = directory / "wanted.json"
        names = json.loads(wanted.read_text()) if wanted.exists() else []
        self._places = {name: place for place, name in enumerate(names)}

    def pytest_collection_modifyitems(self, items):
        items.sort(key=lambda item: self._places.get(item.nodeid, len(self._places)))

    def pytest_runtest_logstart(self, nodeid, location):
        self._now(nodeid)

    def pytest_runtest_logreport(self, report):
        ended = self._ended.setdefault(report.nodeid, {"seconds": 0.0, "failed": False})
        ended["seconds"] += report.duration
        ended["failed"] |= report.failed

    def pytest_collectreport(self, report):
        if report.failed:
            self._ended[f"{report.nodeid} (collection)"] = {"seconds": 0.0, "failed": True}

    def pytest_sessionfinish(self):
        self._now("")
        (self._directory / "ended.json").write_text(json.dumps(self._ended))

    def _now(self, nodeid):
        if measured.current is not None:
            Path(measured.current).write_text(nodeid)
            measured.switch()


def pytest_configure(config):
    config.pluginmanager.register(Reporting(Path(os.environ["MUTANTS_DIRECTORY"])))
    if measured.current is not None:
        _kill_no_service_before_its_lines_are_written()


def _kill_no_service_before_its_lines_are_written():
    from forked import Forked

    kill = Forked.kill

    def later(self):
        if self.poll() is None:
            time.sleep(3 * measured.EVERY)
        kill(self)

    Forked.kill = later
