"""What is done to Git folders that may not be: people's work that vanishes, rules not kept."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from sightings import Sightings, local_branches_with, short
from verdicts import RULE_BROKEN, WORK_LOST, Fault

from sandbox.databricks.state.changes import FolderChange, What

SENT_SECONDS = 2.0  # an update may be on its way when a person moves the folder


@dataclass
class InHand:
    """The work of people in one Git folder."""

    files: dict[str, str] = field(default_factory=dict)  # not committed
    commits: set[str] = field(default_factory=set)  # not pushed, as far as is known


class Work:
    """Looks after each change whether what people wrote is still there."""

    def __init__(self, seen: Sightings, say: Callable[[Fault], None]) -> None:
        self.sent_seconds = SENT_SECONDS
        self._seen = seen
        self._say = say
        self._in_hand: dict[tuple[str, int], InHand] = defaultdict(InHand)
        self._lock = threading.Lock()
        for workspace in seen.sandbox.workspaces:
            workspace.watch_git_folders(self._changed)

    def _changed(self, change: FolderChange) -> None:
        with self._lock:
            mine = self._in_hand[change.workspace, change.folder.id]
            if change.by == "person":
                self._done_by_a_person(mine, change)
            else:
                self._done_by_the_api(mine, change)
                self._judge_rule(change)

    def _done_by_a_person(self, mine: InHand, change: FolderChange) -> None:
        if change.what is What.EDITED:
            mine.files |= change.files
        elif change.what is What.COMMITTED:
            for name in change.files:
                mine.files.pop(name, None)
            mine.commits.add(change.folder.head_commit_id or "")
        elif change.what is What.DISCARDED:
            mine.files.clear()
        elif change.what is What.DELETED:
            mine.files.clear()
            mine.commits.clear()

    def _done_by_the_api(self, mine: InHand, change: FolderChange) -> None:
        where = f"{change.workspace}:{change.folder.path}"
        allowed = self._seen.rule_of(change.workspace, change.folder.path).discards
        if change.discards and not allowed:
            self._lost(f"{where} was updated with everything discarded, and no rule says so")
        gone = [name for name, text in mine.files.items() if self._text(change, name) != text]
        if gone and not (allowed and change.discards and not mine.commits):
            self._lost(f"{where}: {', '.join(gone)} was edited, and is not what was written")
        for name in gone:
            del mine.files[name]
        clone = self._seen.sandbox.workspace(change.workspace).clone_of(change.folder.id)
        for commit in sorted(mine.commits):
            if change.what is What.DELETED or not local_branches_with(clone, commit):
                self._lost(f"{where}: the commit {short(commit)} is on no branch any more")
                mine.commits.discard(commit)

    def _lost(self, what: str) -> None:
        self._say(Fault(WORK_LOST, what))

    def _judge_rule(self, change: FolderChange) -> None:
        """Where a rule leaves a Git folder alone, it stays as a person left it."""
        rule = self._seen.rule_of(change.workspace, change.folder.path)
        seen = self._seen.positions_of(change.workspace, change.folder.id)
        if change.what is not What.UPDATED or rule.follow != "nothing" or len(seen) < 2:
            return
        before, now = seen[-2:]
        if before.commit != now.commit and now.at - before.at > self.sent_seconds:
            where = f"{change.workspace}:{change.folder.path}"
            what = f"{where} went from {short(before.commit)} to {short(now.commit)}"
            self._say(Fault(RULE_BROKEN, what))

    def _text(self, change: FolderChange, name: str) -> str | None:
        if change.what is What.DELETED:
            return None
        clone = self._seen.sandbox.workspace(change.workspace).clone_of(change.folder.id)
        try:
            return (clone / name).read_text(encoding="utf-8")
        except OSError:
            return None
