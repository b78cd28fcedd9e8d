"""Random histories of a repository and of the Git folders that follow it, the same ones for the
same seed: by real git on the one side, and by what people do in their workspaces on the other."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path

from running import Developer
from sightings import Rule, short

from sandbox import world
from sandbox.databricks.workspace import Workspace
from sandbox.sandbox import Sandbox

BRANCHES = ("main", "dev")  # that Git folders follow
SHARED_FILE = "jobs/shared.py"  # which people edit and developers change
LAST = 40  # steps that are shown
FIRST_TAG = "v2.0"
RULES = {
    "prod": [
        Rule("/Repos/Release/", follow="tag:v*"),
        Rule("/Repos/Archive/", follow="nothing"),
    ]
}
# How often each kind of step is taken, beside the others.
BY_DEVELOPERS = {
    "commit": 4,
    "chain": 2,
    "both": 2,
    "amend": 3,
    "revert": 3,
    "same_commit": 3,
    "feature": 2,
    "recreate": 2,
    "tag": 2,
}
BY_PEOPLE = {
    "move": 1,
    "point_elsewhere": 1,
    "switch": 2,
    "make_again": 1,
    "edit": 2,
    "tidy_up": 4,
}
ALL = {**BY_DEVELOPERS, **BY_PEOPLE}
# A tag whose promotion has failed is not tried again by itself, as a branch is.
WITHOUT_TAGS = {kind: weight for kind, weight in ALL.items() if kind != "tag"}


def write_rules(sandbox: Sandbox) -> None:
    """Let the service follow RULES; before its start."""
    text = sandbox.config_path.read_text(encoding="utf-8")
    for workspace, rules in RULES.items():
        text += "".join(f"\n{rule.toml(workspace)}" for rule in rules)
    sandbox.config_path.write_text(text, encoding="utf-8")


class Story:
    """One repository, its developer, and the Git folders of some people in each workspace.

    Nobody touches those of Ada, who follows main, and of Alan, who follows dev. Grace does what
    people do; Release follows the tags in the one workspace that has such a rule.
    """

    def __init__(
        self, sandbox: Sandbox, directory: Path, *, seed: int, repository: str, more: int = 0
    ) -> None:
        """*more* Git folders in each workspace follow main, and nobody touches them."""
        self.sandbox, self.github = sandbox, sandbox.github
        self.repository, self.seed, self.pushes = repository, seed, 0
        self.steps: list[str] = []
        self._dice = random.Random(seed)
        self._name = repository.partition("/")[2]
        self._count = 0
        self._version = 0
        self._untidy: dict[tuple[str, int], Callable[[], None]] = {}  # how a person sets it right
        if self.github.leads_to(repository) is None:
            self.github.add_repository(repository)
        self.github.commit(repository, "main", {SHARED_FILE: "rows = 0\n"}, "Begin")
        if self.github.head(repository, "dev") is None:
            self.github.commit(repository, "dev", {"BRANCH": "dev\n"}, "Begin dev")
        self.github.tag(repository, FIRST_TAG, "main")
        self.developer = Developer(sandbox, directory, repository=repository)
        self.developer.git("branch", "dev", "origin/dev")
        self._grace = [self._add_folders(workspace, more) for workspace in sandbox.workspaces]

    def _add_folders(self, workspace: Workspace, more: int) -> tuple[Workspace, int]:
        """Make the Git folders of a workspace; return which one Grace has."""
        for number in range(more):
            self._add(workspace, f"/Repos/person-{number}/{self._name}", "main")
        self._add(workspace, f"/Repos/ada/{self._name}", "main")
        self._add(workspace, f"/Repos/alan/{self._name}", "dev")
        if workspace.name in RULES:
            self._add(workspace, f"/Repos/Release/{self._name}", "main", tag=FIRST_TAG)
        return workspace, self._add(workspace, f"/Repos/grace/{self._name}", "main")

    def _add(self, workspace: Workspace, path: str, branch: str, tag: str | None = None) -> int:
        found = self.github.repository(self.repository)
        return workspace.add_git_folder(
            path, found.clone_url, branch=branch, source=found.path, tag=tag
        )

    def seeded(self, seed: int) -> None:
        """Throw other dice from now on."""
        self.seed, self._dice = seed, random.Random(seed)

    def told(self) -> str:
        """Return what was done last, for who reads a failure."""
        return f"{self.repository}, seed {self.seed}:\n  " + "\n  ".join(self.steps[-LAST:])

    def step(self, kinds: Mapping[str, int] = ALL) -> str:
        """Do one thing by chance, and return what it was."""
        names = list(kinds)
        kind = self._dice.choices(names, [kinds[name] for name in names])[0]
        self.do(kind)
        return kind

    def do(self, kind: str) -> None:
        """Do one thing of that kind; what can't be done now is another commit."""
        self._count += 1
        before = len(self.steps)
        getattr(self, f"_{kind}")()
        if len(self.steps) == before:
            self._commit()

    def finish(self) -> None:
        """Let people set right what is in the way, and every followed branch be there."""
        while self._untidy:
            self._tidy_up()

    # What developers do.

    def _commit(self) -> None:
        branch = self._branch()
        sha = self._new_commit(branch)
        self._push(branch)
        self._say(f"commit {short(sha)} to {branch}")

    def _chain(self) -> None:
        branch = self._branch()
        shas = [self._new_commit(branch) for _ in range(self._dice.randint(2, 4))]
        self._push(branch)
        self._say(f"push {', '.join(map(short, shas))} to {branch} at once")

    def _both(self) -> None:
        shas = [self._new_commit(branch) for branch in BRANCHES]
        self._push(*BRANCHES)
        self._say(f"push {' and '.join(map(short, shas))} to {' and '.join(BRANCHES)} at once")

    def _amend(self) -> None:
        branch = self._branch()
        old = self._head(branch)
        if self.developer.git("rev-list", "--count", branch) == "1":
            return
        self.developer.git("checkout", "-q", branch)
        self.developer.git("reset", "-q", "--hard", "HEAD~1")
        new = self._new_commit(branch)
        self._push(f"+{branch}")
        self._say(f"force-push {branch}: {short(old)} becomes {short(new)}")

    def _revert(self) -> None:
        branch = self._branch()
        old = self._head(branch)
        new = self._new_commit(branch)
        self._push(branch)
        self._set(branch, old)
        self._push(f"+{branch}")
        self._say(f"push {short(new)} to {branch}, and force-push {short(old)} again")

    def _same_commit(self) -> None:
        """Bring one followed branch to where the other one is."""
        source, target = self._dice.sample(BRANCHES, 2)
        old, new = self._head(target), self._head(source)
        if old == new:
            return
        self._set(target, new)
        self._push(f"+{target}")
        self._say(f"force-push {target} from {short(old)} to {short(new)}, where {source} is")

    def _feature(self) -> None:
        branch, name = self._branch(), f"feature/{self._count}"
        self._push(f"{branch}:refs/heads/{name}")
        self._say(f"push {short(self._head(branch))}, where {branch} is, to a new branch {name}")

    def _recreate(self) -> None:
        """Delete a branch, and make it again, there or elsewhere."""
        elsewhere = self._dice.random() < 0.5
        self._push(":dev")
        if elsewhere:
            self._new_commit("dev")
        self._push("dev")
        self._say(f"delete dev, and make it again at {short(self._head('dev'))}")

    def _tag(self) -> None:
        self._version += 1
        tag, branch = f"v2.{self._version}", self._branch()
        how = ("-a", "-m", "Release") if self._dice.random() < 0.5 else ()
        self.developer.git("tag", *how, tag, branch)
        self._push(tag)
        kind = "an annotated" if how else "a"
        self._say(f"push {kind} tag {tag} of {branch} at {short(self._head(branch))}")

    def _branch(self) -> str:
        return self._dice.choice(BRANCHES)

    def _head(self, branch: str) -> str:
        return self.developer.git("rev-parse", branch)

    def _set(self, branch: str, sha: str) -> None:
        self.developer.git("checkout", "-q", branch)
        self.developer.git("reset", "-q", "--hard", sha)

    def _new_commit(self, branch: str, name: str = "jobs/new.py", text: str = "") -> str:
        self.developer.git("checkout", "-q", branch)
        return self.developer.commit(name, text)

    def _push(self, *refspecs: str) -> None:
        self.pushes += 1
        self.developer.push("origin", *refspecs)

    # What people do in their workspaces.

    def _move(self) -> None:
        """Move Grace's Git folder below a rule that leaves it alone, or only elsewhere."""
        workspace, number = self._dice.choice(self._grace)
        if (workspace.name, number) in self._untidy:
            return
        home = workspace.folder_of_id(number).path
        below = self._dice.choice(("/Repos/Archive", "/Users/grace"))
        path = f"{below}/{self._name}-{self._count}"
        workspace.move_git_folder(home, path)
        self._say(f"{workspace.name}: {home} is moved to {path}")
        if below == "/Repos/Archive":
            back = f"/Repos/grace/{self._name}-{self._count}"
            self._to_tidy(
                workspace,
                number,
                lambda path: workspace.move_git_folder(path, back),
                f"is moved out of the archive to {back}",
            )

    def _point_elsewhere(self) -> None:
        """Give Grace's Git folder the remote of another repository for a while."""
        workspace, number = self._dice.choice(self._grace)
        folder = workspace.folder_of_id(number)
        if (workspace.name, number) in self._untidy or folder.branch != "main":
            return
        mine, other = (self.github.repository(name) for name in (self.repository, world.MAIN))
        if mine.id == other.id:
            other = self.github.repository(world.REPOSITORIES[1])
        workspace.point_git_folder(folder.path, other.clone_url, source=other.path)
        self._say(f"{workspace.name}: {folder.path} is pointed at {other.full_name}")
        self._to_tidy(
            workspace,
            number,
            lambda path: workspace.point_git_folder(path, mine.clone_url, source=mine.path),
            f"is pointed at {mine.full_name} again",
        )

    def _switch(self) -> None:
        workspace, number = self._dice.choice(self._grace)
        folder = workspace.folder_of_id(number)
        if (workspace.name, number) in self._untidy or folder.branch not in BRANCHES:
            return
        other = BRANCHES[1 - BRANCHES.index(folder.branch)]
        workspace.switch_branch(folder.path, other)
        self._say(f"{workspace.name}: {folder.path} is switched from {folder.branch} to {other}")

    def _make_again(self) -> None:
        place = self._dice.randrange(len(self._grace))
        workspace, number = self._grace[place]
        if (workspace.name, number) in self._untidy:
            return
        path = workspace.folder_of_id(number).path
        workspace.delete_git_folder(path)
        branch = self._branch()
        self._grace[place] = (workspace, self._add(workspace, path, branch))
        self._say(f"{workspace.name}: {path} is deleted, and made again on {branch}")

    def _edit(self) -> None:
        """Let Grace edit a file, and a developer push a change of it."""
        workspace, number = self._dice.choice(self._grace)
        folder = workspace.folder_of_id(number)
        if (workspace.name, number) in self._untidy or folder.branch not in BRANCHES:
            return
        workspace.write_file(folder.path, SHARED_FILE, f"rows = {self._count}  # Grace's\n")
        sha = self._new_commit(folder.branch, SHARED_FILE, f"rows = {-self._count}\n")
        self._push(folder.branch)
        self._say(
            f"{workspace.name}: {folder.path} is edited, and {short(sha)} of {folder.branch} "
            f"changes the same file"
        )
        if self._dice.random() < 0.5:
            self._to_tidy(workspace, number, workspace.discard_edits, "has its edits discarded")
        else:
            self._to_tidy(
                workspace,
                number,
                lambda path: self._commit_away(workspace, path),
                "has its edits committed to a branch of its own",
            )

    def _commit_away(self, workspace: Workspace, path: str) -> None:
        mine = {SHARED_FILE: workspace.read_file(path, SHARED_FILE)}
        workspace.commit_aside(path, f"grace-{self._count}", mine, "Keep")

    def _to_tidy(
        self, workspace: Workspace, number: int, do: Callable[[str], None], words: str
    ) -> None:
        def tidy() -> None:
            path = workspace.folder_of_id(number).path
            do(path)
            self._say(f"{workspace.name}: {path} {words}")

        self._untidy[workspace.name, number] = tidy

    def _tidy_up(self) -> None:
        if self._untidy:
            self._untidy.pop(next(iter(self._untidy)))()

    def _say(self, what: str) -> None:
        self.steps.append(f"{len(self.steps) + 1}. {what}")
