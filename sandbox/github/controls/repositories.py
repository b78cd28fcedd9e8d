"""Levers for tests: repositories and what is reported on their commits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.github.api import check_run_rules
from sandbox.github.controls.controls import Controls
from sandbox.github.git import git
from sandbox.github.representations import objects
from sandbox.github.state.check_runs import CheckRun
from sandbox.github.state.repositories import Hosted, RefWatcher, Repository
from sandbox.github.webhooks.announcements import announce_repository
from sandbox.github.webhooks.check_announcements import announce_rerequested_suite, announce_run


class RepositoryControls(Controls):
    """The repositories, their commits and check runs."""

    @property
    def check_runs(self) -> list[CheckRun]:
        """Every check run as it is now, oldest first."""
        return self._state.check_runs.all()

    def watch_check_runs(self, watcher: Callable[[CheckRun], None]) -> None:
        """Show *watcher* every check run at the moment at which an App writes it."""
        self._state.check_runs.watchers.append(watcher)

    def watch_refs(self, watcher: RefWatcher) -> None:
        """Notify *watcher* of every moved, created or deleted ref, before any event is sent."""
        self._state.repositories.watchers.append(watcher)

    def leads_to(self, full_name: str) -> Repository | None:
        """Return the repository of a name, which may be a former one."""
        repositories = self._state.repositories
        hosted = repositories.find(full_name) or repositories.formerly(full_name)
        return None if hosted is None else hosted.repository

    def refs(self, full_name: str) -> dict[str, str]:
        """Return every ref of a repository and what it points at."""
        return self._hosted(full_name).refs()

    def write_check_run(
        self, full_name: str, fields: Mapping[str, object], check_run_id: int | None = None
    ) -> CheckRun:
        """Write a check run as the first App would by REST, or write over one; no event is sent."""
        check_run_rules.validate(fields, creating=check_run_id is None)
        hosted, runs = self._hosted(full_name), self._state.check_runs
        now = self._state.clock()
        if check_run_id is not None:
            return runs.update(check_run_id, fields, now=objects.timestamp(now))
        app = self._state.apps.all()[0]
        suite, _ = runs.open_suite(app.id, hosted.repository.id, str(fields["head_sha"]), now=now)
        return runs.create(
            fields,
            suite,
            repository=hosted.repository.full_name,
            now=objects.timestamp(now),
            details_url=f"{self._state.url}/apps/{app.slug}",
        )

    def add_repository(
        self, full_name: str, *, private: bool = True, default_branch: str = "main"
    ) -> Repository:
        """Add a repository with one commit; an owner not seen before has no installation."""
        self._state.accounts.add(full_name.partition("/")[0], type="User")
        hosted = self._state.repositories.add(
            full_name, private=private, default_branch=default_branch
        )
        return hosted.repository

    def repository(self, full_name: str) -> Repository:
        """Return the repository of that name."""
        return self._hosted(full_name).repository

    def repository_of_id(self, repository_id: int) -> Repository:
        """Return the repository with that id, whatever it is called now."""
        hosted = self._state.repositories.find_by_id(repository_id)
        if hosted is None:
            raise KeyError(repository_id)
        return hosted.repository

    @property
    def repository_names(self) -> list[str]:
        """The full name of every repository."""
        return [hosted.repository.full_name for hosted in self._state.repositories.all()]

    def commit(
        self, full_name: str, branch: str, files: Mapping[str, str | None], message: str
    ) -> str:
        """Commit on the server, as if before the story began: no webhook is sent."""
        return self._state.repositories.commit(self._hosted(full_name), branch, files, message)

    def tag(self, full_name: str, name: str, revision: str) -> None:
        """Set a lightweight tag, as if before the story began: no webhook is sent."""
        hosted = self._hosted(full_name)
        with hosted.lock:
            before = hosted.refs()
            git.run(hosted.path, "tag", name, revision)
            hosted.moved(before)

    def head(self, full_name: str, branch: str) -> str | None:
        """Return the commit that the branch is at."""
        return self._hosted(full_name).branch_head(branch)

    def rename_repository(self, full_name: str, new_name: str) -> Repository:
        """Rename a repository; sends `repository.renamed`, and the old name redirects."""
        hosted = self._hosted(full_name)
        old = hosted.repository
        self._state.repositories.move(hosted, f"{old.owner}/{new_name}")
        changes = {"repository": {"name": {"from": old.name}}}
        announce_repository(self._state, hosted, "renamed", changes)
        return hosted.repository

    def transfer_repository(self, full_name: str, new_owner: str) -> Repository:
        """Give a repository to another account; sends `repository.transferred` to its side only."""
        hosted = self._hosted(full_name)
        old, name = self._state.owner(hosted), hosted.repository.name
        self._state.accounts.add(new_owner, type="Organization")
        self._state.repositories.move(hosted, f"{new_owner}/{name}")
        if old.type == "Organization":
            former = {"organization": objects.organization(self._state.url, old)}
        else:
            former = {"user": objects.account(self._state.url, old)}
        announce_repository(self._state, hosted, "transferred", {"owner": {"from": former}})
        return hosted.repository

    def archive_repository(self, full_name: str) -> None:
        """Make a repository read-only; sends `repository.archived`."""
        hosted = self._hosted(full_name)
        hosted.archived = True
        announce_repository(self._state, hosted, "archived")

    def unarchive_repository(self, full_name: str) -> None:
        """End that; sends `repository.unarchived`."""
        hosted = self._hosted(full_name)
        hosted.archived = False
        announce_repository(self._state, hosted, "unarchived")

    def rerequest(self, check_run_id: int) -> None:
        """Press "Re-run" on one check run; it is unchanged, and its App is notified."""
        run = self._run(check_run_id)
        announce_run(self._state, self._of(run), run, "rerequested", self._state.user())

    def rerequest_suite(self, head_sha: str) -> None:
        """Press "Re-run all checks" on a commit; each App with a suite there is notified."""
        for suite in self._state.check_runs.suites():
            hosted = self._state.repositories.find_by_id(suite.repository_id)
            if suite.head_sha == head_sha and hosted is not None:
                announce_rerequested_suite(self._state, hosted, suite)

    def press(self, check_run_id: int, identifier: str) -> None:
        """Press one of a completed check run's own buttons; sends `check_run.requested_action`."""
        run = self._run(check_run_id)
        if run.status != "completed" or identifier not in [
            one["identifier"] for one in run.actions
        ]:
            raise LookupError(f"check run {check_run_id} shows no button {identifier!r}")
        announce_run(
            self._state,
            self._of(run),
            run,
            "requested_action",
            self._state.user(),
            identifier=identifier,
        )

    def _run(self, check_run_id: int) -> CheckRun:
        run = self._state.check_runs.find(check_run_id)
        if run is None:
            raise KeyError(check_run_id)
        return run

    def _of(self, run: CheckRun) -> Hosted:
        hosted = self._state.repositories.find_by_id(run.repository_id)
        assert hosted is not None, "no repository is ever removed"
        return hosted
