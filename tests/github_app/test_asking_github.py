"""What GitHub is asked before it is believed: ancestry, whose a name is, what has ended."""

from __future__ import annotations

import pytest
from builders import a_folder, a_push
from lone_github import ETL, JOBS, LAKE, access_to, key_of

from github_app.github import confirm as confirming
from github_app.github.access import LAG_PAUSES
from github_app.github.confirm import GoneError
from github_app.storage import repository_names
from github_app.storage.branches import BranchPush
from github_app.worker import former_names
from github_app.worker.former_names import FormerNames
from promotion.ancestry import Ancestry
from promotion.errors import ApiError, PromotionError
from promotion.repository_url import RepositoryKey
from sandbox.github.git import git

UNKNOWN = "f" * 40


# Ancestry


@pytest.fixture
def history(github):
    """Commits by what they are to the first: its child, another child, and of no kin."""
    path = github.repository(ETL).path
    first = github.head(ETL, "main")
    child = github.commit(ETL, "main", {"a.txt": "1\n"}, "Go on")
    other = git.run(path, "commit-tree", f"{first}^{{tree}}", "-p", first, "-m", "Differ")
    stranger = git.run(path, "commit-tree", f"{first}^{{tree}}", "-m", "Begin anew")
    return {
        "first": first,
        "child": child,
        "other": other.decode().strip(),
        "stranger": stranger.decode().strip(),
        "unknown": UNKNOWN,
    }


@pytest.mark.parametrize(
    ("head", "commit", "ancestry", "pauses"),
    [
        ("first", "first", Ancestry.CONTAINS, 0),
        ("child", "first", Ancestry.CONTAINS, 0),
        ("first", "child", Ancestry.LACKS, 0),
        ("other", "child", Ancestry.LACKS, 0),
        ("stranger", "child", Ancestry.LACKS, 0),
        ("first", "unknown", Ancestry.UNKNOWN, 0),
        ("unknown", "first", Ancestry.FOREIGN, sum(LAG_PAUSES)),
    ],
)
def test_how_a_head_stands_to_a_commit(app, github, clock, history, head, commit, ancestry, pauses):
    access = access_to(app, github, clock=clock)

    found = access.contains(history[head], history[commit])

    assert (found, clock.now) == (ancestry, pauses)


def test_a_head_that_a_replica_does_not_show_yet_is_asked_for_again(
    app, github, clock, history, faults
):
    access = access_to(app, github, clock=clock)
    faults.add(path="*/compare/*", status=404, times=1)
    faults.add(path="*/commits/*", status=422, times=1)

    found = access.contains(history["child"], history["first"])

    assert (found, clock.now) == (Ancestry.CONTAINS, LAG_PAUSES[0])


@pytest.mark.parametrize("status", [404, 500, 503])
def test_where_github_shows_nothing_nobody_knows(app, github, history, faults, status):
    access = access_to(app, github)
    faults.add(path="*/compare/*", status=status, times=None)
    faults.add(path="*/commits/*", status=status, times=None)

    assert access.contains(history["child"], history["first"]) is Ancestry.UNKNOWN


# Whose a name is


def test_a_former_name_is_the_repositorys_until_somebody_else_has_it(app, github):
    access = access_to(app, github)
    number = github.repository(ETL).id
    github.rename_repository(ETL, "jobs")

    led = access.leads_to(ETL)
    github.add_repository(ETL)

    assert led == access.leads_to(JOBS) == number
    assert access.leads_to(ETL) == github.repository(ETL).id != number
    assert access.leads_to("octo-org/never") is None


@pytest.mark.parametrize(("private", "shown"), [(True, False), (False, True)])
def test_a_strangers_repository_is_another_one_or_none(app, github, private, shown):
    access = access_to(app, github)
    stranger = github.add_repository("stranger/etl", private=private)

    assert access.leads_to("stranger/etl") == (stranger.id if shown else None)


def test_no_other_repository_is_found_again_for_the_one_that_was_meant(app, github):
    access = access_to(app, github)
    github.rename_repository(ETL, "jobs")
    github.add_repository(ETL)
    # The installation is another one by now, so that it has to be found again.
    github.uninstall(github.installation)
    github.add_organization("octo-org")

    with pytest.raises(GoneError, match=f"{ETL} now names another repository"):
        access.branch_head("main")


def test_a_name_that_shows_nothing_says_nothing_of_its_repository(app, github):
    access = access_to(app, github)
    access.branch_head("main")
    github.add_repository(LAKE)
    github.remove_repository_from_installation(github.installation, ETL)

    with pytest.raises(PromotionError, match=f"GitHub shows no {ETL} to the App"):
        access.require_itself()


class Leads:
    """Names with the ids that GitHub leads to, and which of them it was asked for."""

    repository = "octo-org/etl"

    def __init__(self, **names):
        self.names, self.asked = names, []

    def leads_to(self, full_name):
        self.asked.append(full_name)
        return self.names.get(full_name.partition("/")[2])


def a_key(name, host="github.com"):
    return RepositoryKey(host, "octo-org", name)


def test_only_former_names_that_a_folder_has_in_its_url_are_asked_for(tables):
    known = [a_key("etl"), a_key("old"), a_key("older"), a_key("lost"), a_key("unused")]
    known.append(a_key("old", host="ghes.example.com"))
    with tables.begin() as tx:
        for key in reversed(known):
            repository_names.remember(tx, 7, key)
    pushed = BranchPush(a_push(), 7, "https://github.com/octo-org/etl", 11, 1, 1.0)
    urls = ("etl", "old", "older", "lost", "lost")
    folders = [a_folder(url=f"git@github.com:octo-org/{name}.git") for name in urls]
    folders.append(a_folder(url="https://ghes.example.com/octo-org/old"))
    github = Leads(old=7, older=8)

    names = former_names.in_use(pushed, github, folders, tables.begin)

    with tables.connect() as reader:
        left = repository_names.known_as(reader, 7)
    assert names == [a_key("etl"), a_key("old")]
    assert not {a_key("older"), a_key("lost")} & set(left)
    assert github.asked == ["octo-org/old", "octo-org/older", "octo-org/lost"]


@pytest.fixture
def renamed(github, tables):
    """A repository that was renamed, and whose former name is known."""
    number = github.repository(ETL).id
    github.rename_repository(ETL, "jobs")
    with tables.begin() as tx:
        for name in (ETL, JOBS):
            repository_names.remember(tx, number, key_of(github, name))
    return number


def confirmed(app, github, tables, number, *others):
    """Ask as a comparison does; return to whom the former name leads, and what is known after."""
    served = {each.repository.id: each for each in map(app.find, (JOBS, *others))}
    search = FormerNames(tables, app)
    found = search.confirm({key_of(github, ETL): number}, served)
    with tables.connect() as reader:
        return found, repository_names.by_name(reader)


def test_a_comparison_goes_by_a_former_name_that_leads_to_its_repository(
    app, github, tables, renamed
):
    old, new = key_of(github, ETL), key_of(github, JOBS)

    found, known = confirmed(app, github, tables, renamed)

    assert (found, known) == ({old: renamed}, {old: renamed, new: renamed})


def test_a_comparison_gives_a_name_to_whom_it_leads(app, github, tables, renamed):
    other = github.add_repository(ETL).id
    with tables.begin() as tx:
        repository_names.remember(tx, other, key_of(github, LAKE))

    found, known = confirmed(app, github, tables, renamed, ETL)

    assert found == {key_of(github, ETL): other}
    assert known[key_of(github, ETL)] == other


@pytest.mark.parametrize("private", [True, False])
def test_a_comparison_forgets_a_name_that_leads_to_nobody_who_is_served(
    app, github, tables, renamed, private
):
    github.rename_repository(JOBS, "etl")  # the redirect ends with the name
    github.transfer_repository(ETL, "elsewhere")
    github.add_organization("elsewhere")
    github.add_repository(ETL, private=private)
    github.remove_repository_from_installation(github.installation, ETL)
    served = {renamed: app.find("elsewhere/etl")}

    found = FormerNames(tables, app).confirm({key_of(github, ETL): renamed}, served)

    with tables.connect() as reader:
        known = repository_names.by_name(reader)
    assert found == {}
    assert key_of(github, ETL) not in known


def test_a_comparison_goes_by_no_name_while_github_can_not_be_asked(
    app, github, tables, renamed, faults
):
    served = {renamed: app.find(JOBS)}
    faults.add(path=f"*/repos/{ETL}", status=503, times=None)

    found = FormerNames(tables, app).confirm({key_of(github, ETL): renamed}, served)

    with tables.connect() as reader:
        assert key_of(github, ETL) in repository_names.by_name(reader)
    assert found == {}


# What has ended


def confirm(app, github, name=ETL, number=None):
    confirming.confirm(app, name, number or github.repository(ETL).id)


def test_what_github_still_has_has_not_ended(app, github):
    number = github.repository(ETL).id
    confirm(app, github)
    github.rename_repository(ETL, "jobs")

    confirm(app, github, ETL, number)  # by the name of before, too


def archive(github):
    github.archive_repository(ETL)


def uninstall(github):
    github.uninstall(github.installation)


def take_away(github):
    github.add_repository(LAKE)
    github.remove_repository_from_installation(github.installation, ETL)


def suspend(github):
    github.suspend(github.installation)


@pytest.mark.parametrize(
    ("end", "reason", "lost"),
    [
        (archive, "octo-org/etl is archived", False),
        (uninstall, "GitHub shows no octo-org/etl to the App", True),
        (take_away, "GitHub shows no octo-org/etl to the App", True),
        (suspend, "is suspended: its owner can unsuspend it", False),
    ],
)
def test_what_github_confirms_has_ended(app, github, end, reason, lost):
    end(github)

    with pytest.raises(GoneError, match=reason) as raised:
        confirm(app, github)

    assert raised.value.lost is lost


def test_a_repository_of_the_same_name_is_another_one(app, github):
    number = github.repository(ETL).id
    github.rename_repository(ETL, "jobs")
    github.add_repository(ETL)

    with pytest.raises(GoneError, match="now names another repository") as raised:
        confirm(app, github, ETL, number)

    assert raised.value.lost


def test_a_repository_that_went_to_nobody_who_is_served_has_ended(open_app, github):
    app = open_app(allows=lambda owner: owner == "octo-org")
    number = github.repository(ETL).id
    github.add_organization("stranger")
    github.transfer_repository(ETL, "stranger")

    with pytest.raises(GoneError, match=r"is not in github\.allowed_owners"):
        confirm(app, github, ETL, number)


@pytest.mark.parametrize("status", [500, 503, 403])
def test_what_github_does_not_answer_has_not_ended(app, github, faults, status):
    faults.add(path="*/installation", status=status, times=None)

    with pytest.raises(ApiError):
        confirm(app, github)
