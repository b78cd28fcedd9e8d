"""Two names for one workspace, two installations, one principal: one Git credential."""

from __future__ import annotations

import pytest
from app_world import FAST, heads, push, settled
from running import Service, running_service
from slots_seen import strangers_pulls

from sandbox import world
from sandbox.sandbox import Options, open_sandbox

LAKE = "other-org/lake"
FOLDERS = 6  # of each repository: three rounds of pulls, two at once


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        name_twice(opened)
        yield opened


def name_twice(sandbox):
    """Have the settings name the workspace `dev` twice, for other roots, spelled otherwise."""
    place = sandbox.places[0]
    principal, text = place.principal, sandbox.config_path.read_text()
    head, _, _ = text.partition("[workspaces.dev]")
    sandbox.config_path.write_text(
        f"{head}"
        f"{section('dev', '/Repos', place.workspace.url, principal.client_id, sandbox)}"
        f"{section('shared', '/Shared', spelled(place.workspace.url), principal.client_id, sandbox)}"
    )


def spelled(url):
    """Return the same address as somebody else would type it."""
    return f"{url.replace('localhost', 'LOCALHOST')}/"


def section(name, root, host, client_id, sandbox):
    return f"""
[workspaces.{name}]
host = "{host}"
roots = ["{root}"]
at_once = 2

[workspaces.{name}.entra]
tenant_id = "{sandbox.places[0].principal.tenant_id}"
client_id = "{client_id}"
client_secret_path = "dev.secret"
authority_host = "{sandbox.entra.url}"
"""


def fill(sandbox, repository, parent):
    found, dev = sandbox.github.repository(repository), sandbox.workspace("dev")
    for number in range(FOLDERS):
        dev.add_git_folder(
            f"{parent}/{repository.partition('/')[2]}-{number}",
            found.clone_url,
            source=found.path,
            # Databricks shows the provider as it was given, in any case.
            provider="gitHub" if number % 2 else "GITHUB",
        )


def test_two_names_of_one_workspace_share_the_slot_of_their_principal(sandbox):
    other = sandbox.github.add_organization("other-org")
    sandbox.github.add_repository(LAKE)
    sandbox.github.commit(LAKE, "main", {"README.md": "# lake\n"}, "Begin")
    fill(sandbox, world.MAIN, "/Repos/team")
    fill(sandbox, LAKE, "/Shared")
    dev = sandbox.workspace("dev")
    dev.latency.patch = 0.3  # slow pulls, so that the two would meet

    with running_service(sandbox, **FAST) as service:
        ours = push(sandbox, service)
        theirs = push(sandbox, service, repository=LAKE, installation=other)
        settled(service)

    assert strangers_pulls(sandbox, dev, other) == []
    assert (heads(sandbox, "etl"), heads(sandbox, "lake")) == ({ours}, {theirs})
    assert [pull.ok for pull in dev.pulls] == [True] * 2 * FOLDERS


def test_a_credential_that_is_to_be_set_and_left_alone_stops_the_start(sandbox):
    text = sandbox.config_path.read_text()
    first, _, rest = text.partition("[workspaces.shared]\n")
    sandbox.config_path.write_text(
        f'{first}[workspaces.shared]\ngit_credential = "existing"\n{rest}'
    )

    with pytest.raises(AssertionError, match="give both the same git_credential"):
        Service(sandbox.config_path, sandbox.directory / "service.log")
