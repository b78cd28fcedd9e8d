"""Databricks' own client works with the stand-in, unmodified."""

from __future__ import annotations

import importlib

import pytest


@pytest.fixture(scope="module")
def sdk():
    """Imported where it is used only: it takes seconds."""
    names = ("sdk", "sdk.config", "sdk.environments", "sdk.errors", "sdk.service.workspace")
    sdk, *_ = [importlib.import_module(f"databricks.{name}") for name in names]
    return sdk


@pytest.fixture
def client(sdk, workspace, api, tmp_path, monkeypatch):
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none.cfg"))
    return sdk.WorkspaceClient(host=workspace.url, token=api.token)


def test_git_folders_are_listed_across_pages(workspace, client, remote):
    ids = {
        workspace.add_git_folder(f"/Shared/etl-{n}", remote.url, source=remote.path)
        for n in range(41)
    }

    assert {folder.id for folder in client.repos.list(path_prefix="/Shared")} == ids
    assert list(client.repos.list()) == []


def test_a_git_folder_is_made_updated_and_deleted(sdk, workspace, client, remote):
    credential = client.git_credentials.create(
        "gitHub", git_username="ada", personal_access_token=remote.token
    )
    client.workspace.mkdirs("/Repos/team")

    made = client.repos.create(remote.url, "gitHub", path="/Repos/team/etl")
    newest = remote.commit(a="3\n")
    client.repos.update(made.id, branch="main")
    seen = client.repos.get(made.id)
    client.repos.delete(made.id)

    assert (made.head_commit_id, seen.head_commit_id) == (remote.new, newest)
    assert seen.git_cli_enabled is False
    with pytest.raises(sdk.errors.NotFound):
        client.repos.get(made.id)
    assert credential.credential_id


def test_git_credentials_are_kept(client):
    made = client.git_credentials.create("gitHub", git_username="ada", personal_access_token="one")
    client.git_credentials.update(
        made.credential_id, "gitHub", git_username="bob", personal_access_token="two"
    )

    assert client.git_credentials.get(made.credential_id).git_username == "bob"
    assert [each.credential_id for each in client.git_credentials.list()] == [made.credential_id]
    client.git_credentials.delete(made.credential_id)
    assert list(client.git_credentials.list()) == []


def test_the_workspace_is_walked(sdk, workspace, client, remote):
    folder_id = workspace.add_git_folder("/Shared/etl", remote.url, source=remote.path)

    (found,) = client.workspace.list("/Shared")

    assert (found.object_type, found.object_id) == (
        sdk.service.workspace.ObjectType.REPO,
        folder_id,
    )
    assert (
        client.workspace.get_status("/Shared").object_type
        is sdk.service.workspace.ObjectType.DIRECTORY
    )


def test_a_missing_credential_is_a_permission_that_is_denied(sdk, workspace, client, remote):
    folder_id = workspace.add_git_folder("/Shared/etl", remote.url, source=remote.path)

    with pytest.raises(sdk.errors.PermissionDenied, match="Missing Git provider credentials"):
        client.repos.update(folder_id, branch="main")


def test_the_caller_is_known(client):
    assert client.current_user.me().user_name == "ada@octo.example"


def test_a_service_principal_signs_in_with_its_client_secret(
    sdk, workspace, entra, remote, tmp_path, monkeypatch
):
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none.cfg"))
    known = entra.add_principal(entra.add_tenant())
    workspace.add_service_principal(known.client_id)
    workspace.grant(known.client_id, "/Shared")
    workspace.add_git_folder("/Shared/etl", remote.url, source=remote.path)
    audience = "https://management.core.windows.net/"
    azure = sdk.environments.AzureEnvironment("here", audience, audience, f"{entra.url}/")
    client = sdk.WorkspaceClient(
        config=sdk.config.Config(
            host=workspace.url,
            azure_tenant_id=known.tenant_id,
            azure_client_id=known.client_id,
            azure_client_secret=known.client_secret,
            auth_type="azure-client-secret",
            databricks_environment=sdk.environments.DatabricksEnvironment(
                sdk.environments.Cloud.AZURE, "", sdk.environments.ARM_DATABRICKS_RESOURCE_ID, azure
            ),
        )
    )

    listed = [folder.path for folder in client.repos.list(path_prefix="/Shared")]

    assert listed == ["/Shared/etl"]
    assert known.client_id in {request.principal for request in workspace.requests}
