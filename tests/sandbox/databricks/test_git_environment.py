"""What git is given, and what it is not."""

from __future__ import annotations

import pytest

from sandbox.certificates import make_certificate
from sandbox.databricks.git.git import Git, authorization
from sandbox.databricks.workspace import Workspace
from sandbox.serving import Listener

ADA = "ada@octo.example"


@pytest.mark.parametrize(("trusted", "status"), [(True, 200), (False, 500)])
def test_git_trusts_the_authority_that_it_is_given(
    tmp_path, address, entra, api, remote, trusted, status
):
    certificate = make_certificate(tmp_path)
    listener = Listener(certificate)
    listener.serve(remote.github.asgi)
    environ = {"GIT_SSL_CAINFO": str(certificate.ca_path)} if trusted else {}
    workspace = Workspace(
        tmp_path / "tls", name="tls", url=address.url, entra=entra, git_environ=environ
    )
    address.app = workspace.asgi
    api.token = workspace.add_user(ADA)
    workspace.store_git_credential(ADA, "gitHub", "ada", remote.token)
    url = remote.url.replace(remote.github.url, listener.url)
    folder_id = workspace.add_git_folder("/Shared/etl", url, source=remote.path, at=remote.old)

    answer = api.update(folder_id, branch="main")

    listener.close()
    assert answer.status_code == status


def test_git_knows_nothing_of_the_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = Stranger\n")

    listed = Git(tmp_path, {}).run(tmp_path, "config", "--list", "--show-origin")

    assert "Stranger" not in listed
    assert all(line.startswith("command line:") for line in listed.splitlines())


def test_a_secret_is_for_one_host_and_not_for_arguments():
    settings = authorization("https://octocat@git.example:8443/octo-org/etl.git", "ada", "secret")

    assert settings == {
        "http.https://git.example:8443/.extraHeader": "Authorization: Basic YWRhOnNlY3JldA=="
    }
