"""Check the links of one workspace: sign-in, principal, roots, Git folders, credential."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from github_app.doctor.finding import Finding, Part
from github_app.github.access import InstallationAccess
from github_app.github.app import GitHubApp
from promotion.clock import SystemClock
from promotion.credential_lock import FOREVER, Patience
from promotion.discovery import Scan, UnreadablePath
from promotion.errors import ApiError, PromotionError, SignInError, UnreachableError
from promotion.model import GitFolder
from promotion.repository_url import repository_key
from promotion.workspace import Workspace

SHOWN = 3  # unreadable paths listed by name

Pull = Callable[[], None]


def _no_pull() -> None:
    """Pull nothing."""


@dataclass(frozen=True)
class Examination:
    """The checks of one workspace."""

    workspace: Workspace
    app: GitHubApp | None  # None: the Git credential is the operator's own
    github_host: str
    pull: str | None  # the path of a Git folder that may be pulled
    patience: Patience = FOREVER  # with service promotions that use the Git credential

    @property
    def part(self) -> Part:
        return Part(f"workspace {self.workspace.name}")

    def run(self) -> Iterator[Finding]:
        """Yield the findings in order; without a sign-in the rest is skipped."""
        try:
            name = self.workspace.databricks.who_am_i() or "the principal"
        except (SignInError, UnreachableError) as exc:
            yield self.part.failed("sign-in", exc)
            yield self.part.skipped("everything else here", "needs the sign-in")
            return
        except ApiError as exc:
            yield self.part.ok("sign-in", "Entra issued a token")
            yield self._unknown_principal(exc)
        else:
            yield self.part.ok("sign-in", "Entra issued a token")
            yield self.part.ok("principal", f"{name} is known to {self.workspace.host}")
        yield from self._roots()
        yield from self._folders()

    def _unknown_principal(self, exc: ApiError) -> Finding:
        if exc.status == 404:
            says = "the workspace does not name the principal"
            return self.part.warning("principal", says, "check that the next links are ok")
        return self.part.failed("principal", exc)

    def _roots(self) -> Iterator[Finding]:
        for root in self.workspace.roots:
            yield self.part.prove(f"root {root}", partial(self._root, root))

    def _root(self, root: str) -> Finding:
        link = f"root {root}"
        try:
            entries = self.workspace.databricks.list_directory(root)
        except ApiError as exc:
            if exc.status == 404:
                return self.part.warning(link, "does not exist", "correct `roots`, or leave it")
            if exc.status == 403:
                fix = "grant the principal Can Read on it, or remove it from `roots`"
                return self.part.broken(link, "the principal may not read it", fix)
            raise
        return self.part.ok(link, f"{len(entries)} entries")

    def _folders(self) -> Iterator[Finding]:
        try:
            seen = self.workspace.known.refreshed()
        except PromotionError as exc:
            yield self.part.failed("Git folders", exc)
            return
        yield check_folders(self.part, seen, self.github_host)
        if seen.unreadable:
            yield _unreadable(self.part, seen.unreadable)
        folders = on_host(seen, self.github_host)
        link = "Git credential"
        if self.app is None:
            yield self.part.prove(link, self._existing_credential)
        else:
            app = self.app
            yield self.part.prove(link, lambda: self._credential(app, folders))
        yield self._pull(folders)

    def _existing_credential(self) -> Finding:
        stored = self.workspace.databricks.list_git_credentials()
        if not stored:
            fix = 'add one under Settings > Linked accounts, or set git_credential to "app"'
            return self.part.broken("Git credential", "none is stored", fix)
        names = ", ".join(f"{one.provider} ({one.username})" for one in stored)
        return self.part.ok("Git credential", f"left unchanged: {names}")

    def _credential(self, app: GitHubApp, folders: list[GitFolder]) -> Finding:
        for folder in folders:
            if length := self._store(app, folder):
                says = f"a token of {length} characters is stored for {folder.provider}"
                return self.part.ok("Git credential", says)
        says = "no Git folder of a repository that the App is installed on"
        return self.part.skipped("Git credential", says)

    def _store(self, app: GitHubApp, folder: GitFolder, pull: Pull = _no_pull) -> int | None:
        """Store a real token as a promotion does, and pull; return the token's length.

        None if the App is not installed on the repository.
        """
        key = repository_key(folder.url)
        if key is None or folder.provider is None:
            return None
        try:
            installation_id = app.installation_id(key.full_name)
        except ApiError as exc:
            if exc.status == 404:
                return None
            raise
        access = InstallationAccess(app, installation_id, key.full_name, SystemClock())
        databricks, slot = self.workspace.databricks, self.workspace.slot(folder.provider)
        with slot.held_by(access.holder, self.patience):
            # For all, as a promotion does: a running promotion may need another one next.
            wanted = self._repositories() | {key.full_name}
            token = slot.replace(databricks, access, provider=folder.provider, repositories=wanted)
            stored = [one.provider.casefold() for one in databricks.list_git_credentials()]
            if folder.provider.casefold() not in stored:
                raise PromotionError("the Git credential was stored, but is not in the list")
            pull()
        return len(token.token)

    def _repositories(self) -> frozenset[str]:
        folders = on_host(self.workspace.known.known(), self.github_host)
        keys = (repository_key(folder.url) for folder in folders)
        return frozenset(key.full_name for key in keys if key is not None)

    def _pull(self, folders: list[GitFolder]) -> Finding:
        if self.pull is None:
            return self.part.skipped("pull", "name a Git folder to test it: --pull PATH")
        folder = next((one for one in folders if one.path == self.pull), None)
        if folder is None:
            return self.part.skipped("pull", f"{self.pull} is not a Git folder here")
        return self.part.prove("pull", lambda: self._pulled(folder))

    def _pulled(self, folder: GitFolder) -> Finding:
        if folder.branch is None:
            return self.part.skipped("pull", f"{folder.path} is on no branch")
        databricks = self.workspace.databricks
        pull = partial(databricks.update_git_folder, folder.id, branch=folder.branch)
        if self.app is None:
            pull()
        elif self._store(self.app, folder, pull) is None:
            says = f"the App is not installed on {folder.url}"
            return self.part.broken("pull", says, "add the repository to the installation")
        now = databricks.get_git_folder(folder.id)
        if now is None or now.head_commit_id is None:
            return self.part.broken("pull", f"{folder.path} is gone", "choose another folder")
        says = f"{folder.path} is at {now.head_commit_id[:7]} of {now.branch}"
        return self.part.ok("pull", says)


def on_host(seen: Scan, host: str) -> list[GitFolder]:
    """Return the Git folders whose repository is on *host*."""
    keys = ((folder, repository_key(folder.url)) for folder in seen.folders)
    return [folder for folder, key in keys if key is not None and key.host == host]


def check_folders(part: Part, seen: Scan, host: str) -> Finding:
    """Count the Git folders, and those that a push could move."""
    found = on_host(seen, host)
    manageable = sum(folder.manageable for folder in found)
    says = f"{len(seen.folders)} found, {len(found)} of {host}, {manageable} manageable"
    if not found:
        return part.warning("Git folders", says, "check `roots`, and the principal's permissions")
    if manageable < len(found):
        fix = "grant the principal Can Manage on the others, or leave them out by a rule"
        return part.warning("Git folders", says, fix)
    return part.ok("Git folders", says)


def _unreadable(part: Part, paths: tuple[UnreadablePath, ...]) -> Finding:
    named = "; ".join(f"{each.path}: {each.reason}" for each in paths[:SHOWN])
    more = f"; and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    fix = "grant the principal Can Read there, or remove it from `roots`"
    return part.warning("unreadable paths", f"{named}{more}", fix)
