"""The Git Credentials API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.databricks import errors
from sandbox.databricks.calls import Call
from sandbox.databricks.state.credentials import GitCredentials
from sandbox.databricks.state.principals import Principal, Principals


class CredentialsApi:
    """What `/api/2.0/git-credentials` does."""

    def __init__(self, credentials: GitCredentials, principals: Principals) -> None:
        self._credentials = credentials
        self._principals = principals

    def list_all(self, call: Call) -> Mapping[str, Any]:
        found = self._credentials.of(self._owner(call, call.query))
        return {"credentials": [each.shown() for each in found]} if found else {}

    def get(self, call: Call) -> Mapping[str, Any]:
        owner = self._owner(call, call.query)
        return self._credentials.get(owner, call.ids["id"]).shown()

    def create(self, call: Call) -> Mapping[str, Any]:
        return self._credentials.create(self._owner(call, call.body), call.body).shown()

    def update(self, call: Call) -> Mapping[str, Any]:
        self._credentials.update(self._owner(call, call.body), call.ids["id"], call.body)
        return {}

    def delete(self, call: Call) -> Mapping[str, Any]:
        self._credentials.delete(self._owner(call, call.query), call.ids["id"])
        return {}

    def _owner(self, call: Call, given: Mapping[str, Any]) -> Principal:
        """Return whose credentials are meant: the caller's, or a service principal's by its id."""
        wanted = given.get("principal_id")
        if wanted is None:
            return call.principal
        if not call.principal.admin:
            raise errors.forbidden("Only a Service Principal Manager may use principal_id.")
        owner = self._principals.by_id(int(wanted))
        if owner is None or owner.is_user:
            raise errors.missing(f"Service principal with id {wanted} could not be found.")
        return owner
