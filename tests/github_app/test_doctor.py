from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from nobody import NOBODY
from running import running_service

from github_app.__main__ import main
from github_app.cli.doctor import check_echo
from github_app.doctor.finding import Finding, State, holds
from github_app.doctor.github import check_clock, check_hook, grants
from github_app.doctor.output import closing
from github_app.doctor.ping import Echo
from github_app.github.registration import Hook, Registration
from sandbox.sandbox import open_sandbox, write_config

APP = Registration(
    app_id=1,
    slug="b",
    name="B",
    owner="octo",
    html_url="https://github.com/apps/b",
    settings_url="https://github.com/settings/apps/b",
    permissions={},
    events=frozenset(),
)
HOOK = Hook("https://b.example.com/webhooks/github", "json", has_secret=True, verifies_tls=True)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with open_sandbox(tmp_path_factory.mktemp("sandbox")) as opened:
        yield opened


@pytest.fixture
def examined(sandbox, capsys):
    """Run the doctor, and return its exit code and its findings by link."""

    def run(*options):
        code = main(["doctor", "--config", str(sandbox.config_path), "--json", *options])
        links = json.loads(capsys.readouterr().out)["links"]
        return code, {(link["part"], link["link"]): link for link in links}

    yield run
    write_config(sandbox)


def edit(sandbox, old, new):
    text = sandbox.config_path.read_text()
    assert old in text
    sandbox.config_path.write_text(text.replace(old, new))


def test_a_healthy_chain_has_no_broken_link(sandbox, examined):
    with running_service(sandbox) as service:
        code, links = examined("--url", service.url, "--pull", "/Repos/ada/etl")

    broken = {name: link for name, link in links.items() if link["state"] == "broken"}
    assert (code, broken) == (0, {})
    assert links["GitHub", "service"]["state"] == "ok"
    assert "of 5000 calls left" in links["GitHub", "installation octo-org"]["says"]
    assert links["workspace dev", "pull"]["state"] == "ok"
    credential = links["workspace prod", "Git credential"]
    assert credential["state"] == "ok"
    assert int(credential["says"].split()[3]) > 400


def test_a_pull_moves_the_folder_to_the_head_of_its_branch(sandbox, examined):
    folder = next(f for f in sandbox.workspace("dev").folders() if f.path == "/Repos/ada/etl")
    branch = folder.branch
    sha = sandbox.github.commit("octo-org/etl", branch, {"pulled.txt": "1\n"}, "Change")

    _, links = examined("--pull", "/Repos/ada/etl")

    assert links["workspace dev", "pull"]["says"] == f"/Repos/ada/etl is at {sha[:7]} of {branch}"


def test_a_principal_that_the_workspace_does_not_name_is_a_warning(sandbox, examined):
    dev = sandbox.workspace("dev")
    dev.faults.add(path="*/scim/v2/Me", status=404, times=None)
    try:
        _, links = examined()
    finally:
        dev.faults.clear()

    found = links["workspace dev", "principal"]
    assert (found["state"], found["fix"]) == ("warning", "check that the next links are ok")


def test_nothing_listens_and_the_rest_is_examined_all_the_same(examined):
    code, links = examined("--url", f"http://{NOBODY}", "--pull", "/Repos/nobody/etl")

    assert code == 1
    assert links["GitHub", "pull"]["says"] == "/Repos/nobody/etl could not be tried"
    assert links["GitHub", "service"]["state"] == "broken"
    assert "nothing answers there" in links["GitHub", "service"]["says"]
    assert links["workspace prod", "sign-in"]["state"] == "ok"


def test_a_suspended_installation_is_named_with_where_to_go(sandbox, examined):
    sandbox.github.suspend(sandbox.installation_id)
    try:
        code, links = examined()
    finally:
        sandbox.github.unsuspend(sandbox.installation_id)

    found = links["GitHub", "installation octo-org"]
    assert (code, found["state"], found["says"]) == (1, "broken", "suspended")
    assert found["fix"].startswith("unsuspend it at https://")


def test_a_missing_permission_is_named(sandbox, examined):
    granted = sandbox.github.app_permissions
    sandbox.github.app_permissions = {"contents": "read", "metadata": "read"}
    try:
        code, links = examined()
    finally:
        sandbox.github.app_permissions = granted

    found = links["GitHub", "permissions"]
    assert (code, found["state"], found["says"]) == (1, "broken", "lacks checks: write")


def test_an_app_id_that_github_does_not_know_leaves_the_workspaces_to_examine(sandbox, examined):
    edit(sandbox, f"app_id = {sandbox.github.app_id}", "app_id = 1")

    code, links = examined("--url", f"http://{NOBODY}")

    found = links["GitHub", "App key"]
    assert (code, found["state"]) == (1, "broken")
    assert "SHA256:" in found["says"]
    assert "compare github.app_id" in found["fix"]
    assert links["workspace dev", "Git folders"]["state"] == "ok"


def test_a_wrong_client_secret_breaks_the_sign_in_of_its_workspace_only(sandbox, examined):
    (sandbox.directory / "dev.secret").write_text("wrong")
    try:
        code, links = examined()
    finally:
        (sandbox.directory / "dev.secret").unlink()

    assert code == 1
    assert links["workspace dev", "sign-in"]["state"] == "broken"
    assert "the client secret is wrong" in links["workspace dev", "sign-in"]["says"]
    assert links["workspace dev", "everything else here"]["state"] == "skipped"
    assert links["workspace prod", "sign-in"]["state"] == "ok"


def test_what_is_noted_besides_does_not_spoil_the_machines_answer(sandbox, capsys):
    sandbox.github.clock_skew = -900
    try:
        main(["doctor", "--config", str(sandbox.config_path), "--json"])
    finally:
        sandbox.github.clock_skew = 0

    said = capsys.readouterr()
    links = {link["link"]: link for link in json.loads(said.out)["links"]}
    assert links["clock"]["state"] == "broken"
    assert "github.clock_differs" in said.err
    assert "github.calls_left" not in said.err


def test_off_a_terminal_each_link_is_one_plain_line(sandbox, capsys):
    main(["doctor", "--config", str(sandbox.config_path), "--url", f"http://{NOBODY}"])

    lines = capsys.readouterr().out.splitlines()
    assert all(line.split()[0] in {state.value for state in State} for line in lines[:-1])
    assert any(line.startswith("ok      GitHub: permissions: checks: write") for line in lines)
    assert re.match(r"doctor: \d broken", lines[-1])
    assert not [line for line in lines if "\x1b" in line]


@pytest.mark.parametrize(
    ("ours", "state"),
    [(0, State.OK), (15, State.OK), (-30, State.WARNING), (30, State.WARNING), (60, State.BROKEN)],
)
def test_a_clock_is_judged_by_what_github_bears(ours, state):
    assert check_clock(1_000_000.0, 1_000_000.0 + ours).state is state


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, State.OK),
        ({"url": None}, State.BROKEN),
        ({"has_secret": False}, State.BROKEN),
        ({"verifies_tls": False}, State.BROKEN),
        ({"content_type": "form"}, State.WARNING),
        ({"url": "https://b.example.com/"}, State.WARNING),
    ],
)
def test_a_webhook_is_judged_by_its_settings(changes, state):
    assert check_hook(replace(HOOK, **changes), APP).state is state


@pytest.mark.parametrize(
    ("echo", "certain", "state"),
    [
        (Echo.ACCEPTED, False, State.OK),
        (Echo.OTHER_SECRET, False, State.BROKEN),
        (Echo.UNREACHABLE, False, State.WARNING),
        (Echo.UNREACHABLE, True, State.BROKEN),
        (Echo.NOT_OURS, True, State.BROKEN),
    ],
)
def test_an_endpoint_out_of_reach_is_only_certain_where_it_was_named(echo, certain, state):
    assert check_echo("service", "https://b", echo, certain=certain).state is state


@pytest.mark.parametrize(
    ("granted", "wanted", "enough"),
    [
        ("write", "read", True),
        ("read", "write", False),
        ("", "read", False),
        ("admin", "write", True),
    ],
)
def test_a_level_includes_those_below(granted, wanted, enough):
    assert grants(granted, wanted) is enough


def test_the_last_line_counts():
    ok = Finding("GitHub", "clock", State.OK, "")

    assert closing([ok]) == "doctor: every link works"
    assert closing([ok, replace(ok, state=State.BROKEN), replace(ok, state=State.WARNING)]) == (
        "doctor: 1 broken, 1 with a warning"
    )


def test_a_link_that_could_not_be_tried_is_not_one_that_holds():
    ok = Finding("GitHub", "clock", State.OK, "")
    untested = replace(ok, state=State.UNTESTED)

    assert closing([ok, untested]) == "doctor: 1 not tested"
    assert (holds([ok]), holds([ok, untested])) == (True, False)


def test_every_key_file_is_looked_at(sandbox, examined, tmp_path):
    open_to_all = tmp_path / "retired.pem"
    open_to_all.write_text(sandbox.github.private_key_path.read_text())
    open_to_all.chmod(0o644)
    known = f'private_key_path = "{sandbox.github.private_key_path}"\n'
    edit(sandbox, known, f'{known}private_key_paths = ["{open_to_all}"]\n')

    _, links = examined()

    assert links["GitHub", "key file 1"]["state"] == "ok"
    assert links["GitHub", "key file 2"]["fix"] == f"chmod 600 {open_to_all}"
