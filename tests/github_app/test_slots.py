"""Which keeper a workspace's credential slots have, in the service and in a command beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import sqlalchemy as sa
from nobody import NOBODY

from github_app.config.settings import Settings, WorkspaceSettings
from github_app.worker.credential_lock_files import SlotFiles
from github_app.worker.credential_locks import (
    Slots,
    command_slots,
    principal_of,
    refuse_two_minds,
    service_slots,
)
from github_app.worker.lease import OnlyWorker
from github_app.worker.postgres_credential_lock import SlotLease
from github_app.worker.postgres_lease import RowLease
from promotion.credential_lock import OneProcess, Patience, SlotError
from promotion.errors import ConfigError

HOST = "https://adb-1.azuredatabricks.net"
both_backends = pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)


def a_workspace(host=HOST, **entra):
    given = {"tenant_id": "t", "client_id": "An-Id", **entra}
    return WorkspaceSettings(host=host, entra=given)


def settings_for(database_url):
    return Settings(
        github={"app_id": 1},
        workspaces={"dev": a_workspace().model_dump()},
        database_url=database_url,
    )


def keeper_of(found, workspace=None, provider="gitHub"):
    return found.of(workspace or a_workspace())(provider)


@pytest.mark.parametrize(
    "host",
    [
        "https://ADB-1.AzureDatabricks.NET",
        "adb-1.azuredatabricks.net",
        f"{HOST}/",
        f"{HOST}.",
        f"{HOST}:443",
        f"{HOST}.:443/?o=1",
    ],
)
def test_every_spelling_of_a_host_is_one_slot(host):
    assert principal_of(a_workspace(host)) == principal_of(a_workspace()) == f"{HOST} an-id"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (a_workspace(), a_workspace("https://adb-2.azuredatabricks.net")),
        (a_workspace(), a_workspace(f"{HOST}:8443")),
        (a_workspace(), a_workspace(client_id="another")),
        (a_workspace("http://[::1]:1"), a_workspace("http://[::1]:2")),
    ],
)
def test_another_host_port_or_principal_is_another_slot(one, other):
    assert principal_of(one) != principal_of(other)


def test_a_machines_own_identity_is_one_principal():
    one = WorkspaceSettings(host=HOST, entra={"credential": "managed-identity"})

    assert principal_of(one) == f"{HOST} managed-identity"


def test_two_names_of_one_workspace_have_one_keeper_whatever_the_providers_case():
    found = Slots(lambda _slot: OneProcess())

    same = keeper_of(found), keeper_of(found, a_workspace(f"{HOST}/"), "GITHUB")

    assert same[0] is same[1]
    assert keeper_of(found, provider="gitHubEnterprise") is not same[0]


def test_a_credential_that_is_to_be_set_and_left_alone_is_refused():
    ours, alone = a_workspace(), a_workspace(f"{HOST}/")
    other = a_workspace("https://adb-2.azuredatabricks.net")
    theirs = alone.model_copy(update={"git_credential": "existing"})
    apart = other.model_copy(update={"git_credential": "existing"})

    refuse_two_minds({"dev": ours, "shared": alone, "prod": apart})
    with pytest.raises(ConfigError, match="workspaces dev and shared are one host and principal"):
        refuse_two_minds({"dev": ours, "shared": theirs})


@both_backends
def test_a_command_waits_for_the_services_other_installation(database_url, tables, backend):
    lease = OnlyWorker() if backend == "sqlite" else RowLease(database_url, ttl=30.0)
    lease.start()
    service, told = keeper_of(service_slots(tables, lease)), []

    with command_slots(settings_for(database_url)) as found:
        command = keeper_of(found)
        with service.held_by("installation 1"):
            with command.held_by("installation 1", Patience(0.0)):
                pass
            with (
                pytest.raises(SlotError, match="the token of installation 1"),
                command.held_by("installation 2", Patience(0.3, told.append)),
            ):
                pass
        with command.held_by("installation 2", Patience(0.0)):
            pass
    lease.stop()

    assert told == ["installation 1"]


@both_backends
def test_what_a_command_stored_the_service_does_not_take_for_its_own(database_url, tables, backend):
    lease = OnlyWorker() if backend == "sqlite" else RowLease(database_url, ttl=30.0)
    lease.start()
    service = keeper_of(service_slots(tables, lease))
    with service.storing():
        service.unknown()
        first = service.store("installation 1", frozenset({"octo-org/etl"}), 3600.0)

    with command_slots(settings_for(database_url)) as found:
        command = keeper_of(found)
        with command.storing():
            command.unknown()
            between = service.stored()
            command.store("installation 2", frozenset({"other-org/lake"}), 3600.0)
    after = service.stored()
    lease.stop()

    assert between is None
    assert after is None or (after.holder, after.number > first.number) == ("installation 2", True)


def test_without_a_database_there_is_nobody_to_agree_with(tmp_path):
    with command_slots(settings_for(f"sqlite:///{tmp_path}/brickpush.sqlite")) as found:
        assert isinstance(keeper_of(found), OneProcess)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_another_users_database_leaves_the_slot_alone(tmp_path):
    path = tmp_path / "brickpush.sqlite"
    path.touch()
    os.chown(path, os.geteuid() + 1, -1)

    with (
        command_slots(settings_for(f"sqlite:///{path}")) as found,
        pytest.raises(SlotError, match="belongs to another user") as caught,
    ):
        keeper_of(found)

    assert "as the user that it runs as" in caught.value.next_step
    assert [each.name for each in tmp_path.iterdir()] == ["brickpush.sqlite"]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_command_leaves_no_lease_behind(database_url, tables):
    settings = settings_for(database_url)
    with command_slots(settings) as found, keeper_of(found).held_by("installation 1"):
        leases = count(tables, "workers")
    with command_slots(settings_for(database_url)):
        pass  # asks for no slot, and so for no lease

    assert (leases, count(tables, "workers"), count(tables, "slot_tickets")) == (1, 0, 0)


def count(tables, name):
    with tables.connect() as reader:
        return reader.execute(sa.text(f"select count(*) from {name}")).scalar_one()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_killed_workers_hold_does_not_stop_a_command_where_no_worker_runs(database_url, tables):
    dead = RowLease(database_url, ttl=30.0)
    dead.start()
    holding = SlotLease(tables, f"{HOST} an-id github", dead.executor_id).held_by("installation 1")
    holding.__enter__()
    dead._renewals.stop(10)
    with tables.begin() as tx:
        tx.execute(sa.text("update workers set expires = 1"))

    settings, patience = settings_for(database_url), Patience(20.0)
    with command_slots(settings) as found, keeper_of(found).held_by("installation 2", patience):
        leases = count(tables, "workers")
    holding.__exit__(None, None, None)
    dead.stop()

    assert leases == 1


def test_a_database_that_is_not_there_or_has_no_tables_has_no_service(postgres):
    for url in (postgres.bare_database(), postgres.url("nowhere")):
        with command_slots(settings_for(url)) as found:
            assert isinstance(keeper_of(found), OneProcess)


def test_a_database_that_is_away_leaves_the_slot_alone():
    with (
        command_slots(settings_for(f"postgresql://somebody@{NOBODY}/brickpush")) as found,
        pytest.raises(SlotError, match="the service's database can't be used: connection"),
    ):
        keeper_of(found)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_service_keeps_its_slots_beside_the_file(tables, tmp_path):
    lock = keeper_of(service_slots(tables, OnlyWorker()))
    with lock.held_by("installation 1"):
        assert isinstance(lock, SlotFiles)
        assert Path(f"{tables.url.database}.slots").is_dir()
