"""Git credentials: what each principal has stored for each Git provider."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.databricks import errors
from sandbox.databricks.errors import ApiError
from sandbox.databricks.problems import GitProblemError, Problem
from sandbox.databricks.state.principals import Principal
from sandbox.databricks.state.records import Behaviour

PROVIDERS = (
    *("gitHub", "gitHubEnterprise", "gitLab", "gitLabEnterpriseEdition", "bitbucketCloud"),
    *("bitbucketServer", "azureDevOpsServices", "azureDevOpsServicesAad", "awsCodeCommit"),
)
ONE_PER_PROVIDER = (
    "A Git credential already exists for provider {}. Only one credential per provider is allowed "
    "for service principals."
)
ONE_PER_PROVIDER_OLD = (
    "Only one Git credential is supported for a user at this time. If you want to update your "
    "credential, use the PATCH endpoint."
)


@dataclass(frozen=True)
class GitCredential:
    """A stored Git credential; its token is never shown."""

    id: int
    owner: str
    provider: str
    token: str = field(repr=False)
    username: str | None = None
    email: str | None = None
    name: str | None = None
    default: bool = False

    @property
    def token_hash(self) -> str:
        return hashlib.sha256(self.token.encode()).hexdigest()[:12]

    def shown(self) -> dict[str, Any]:
        """Return what the API shows of it."""
        fields = {
            "credential_id": self.id,
            "git_provider": self.provider,
            "git_username": self.username,
            "git_email": self.email,
            "name": self.name,
            "is_default_for_provider": self.default,
        }
        return {name: value for name, value in fields.items() if value is not None}


def canonical_provider(provider: str) -> str:
    """Return the provider as the API spells it; any case is understood."""
    for known in PROVIDERS:
        if known.lower() == provider.lower():
            return known
    raise errors.invalid(f"Invalid Git provider: {provider}")


class GitCredentials:
    """The Git credentials of a workspace."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._ids = itertools.count(900_000_000_000_007, 7_919)
        self._credentials: dict[int, GitCredential] = {}
        self._lock = threading.Lock()

    def of(self, owner: Principal) -> list[GitCredential]:
        """Return the credentials that *owner* has."""
        with self._lock:
            return [each for each in self._credentials.values() if each.owner == owner.name]

    def get(self, owner: Principal, credential_id: int) -> GitCredential:
        with self._lock:
            return self._get(owner, credential_id)

    def create(self, owner: Principal, body: Mapping[str, Any]) -> GitCredential:
        """Store a credential. As the real service does, without trying it."""
        provider = canonical_provider(errors.require(body, "git_provider"))
        self._check_token(body)
        with self._lock:
            others = self._for_provider(owner, provider)
            if others and not owner.is_user:
                raise self._second(provider)
            made = GitCredential(
                id=next(self._ids),
                owner=owner.name,
                provider=provider,
                token=body.get("personal_access_token") or "",
                username=body.get("git_username"),
                email=body.get("git_email"),
                name=body.get("name"),
                default=not others,
            )
            self._credentials[made.id] = made
            if body.get("is_default_for_provider"):
                made = self._make_default(made)
        return made

    def update(self, owner: Principal, credential_id: int, body: Mapping[str, Any]) -> None:
        """Change a credential; a username that is not sent again is forgotten."""
        provider = canonical_provider(errors.require(body, "git_provider"))
        self._check_token(body)
        keeps = self._behaviour.update_keeps_username
        with self._lock:
            old = self._get(owner, credential_id)
            taken = [each for each in self._for_provider(owner, provider) if each != old]
            if taken and not owner.is_user:
                raise self._second(provider)
            new = replace(
                old,
                provider=provider,
                token=body.get("personal_access_token") or old.token,
                username=body.get("git_username", old.username if keeps else None),
                email=body.get("git_email", old.email if keeps else None),
                name=body.get("name", old.name),
            )
            self._credentials[new.id] = new
            if body.get("is_default_for_provider"):
                self._make_default(new)

    def delete(self, owner: Principal, credential_id: int) -> None:
        with self._lock:
            self._credentials.pop(self._get(owner, credential_id).id)

    def choose(self, owner: Principal, provider: str | None, given: int | None) -> GitCredential:
        """Return the credential that a Git operation of *owner* uses."""
        if given is not None:
            return self.get(owner, given)
        with self._lock:
            found = self._for_provider(owner, provider or "")
        defaults = found if len(found) == 1 else [each for each in found if each.default]
        if found and not defaults:
            message = "There are several Git credentials for this provider and none is the default."
            raise ApiError(400, "GIT_CLI_CANNOT_CHOOSE_CREDENTIAL", message)
        if not defaults:
            raise GitProblemError(Problem.MISSING_CREDENTIALS)
        return defaults[0]

    def _for_provider(self, owner: Principal, provider: str) -> list[GitCredential]:
        return [
            each
            for each in self._credentials.values()
            if (each.owner, each.provider.lower()) == (owner.name, provider.lower())
        ]

    def _get(self, owner: Principal, credential_id: int) -> GitCredential:
        found = self._credentials.get(credential_id)
        if found is None or found.owner != owner.name:
            raise errors.missing(f"Git credential with id {credential_id} could not be found.")
        return found

    def _make_default(self, chosen: GitCredential) -> GitCredential:
        for each in list(self._credentials.values()):
            if (each.owner, each.provider) == (chosen.owner, chosen.provider):
                self._credentials[each.id] = replace(each, default=each.id == chosen.id)
        return self._credentials[chosen.id]

    def _check_token(self, body: Mapping[str, Any]) -> None:
        longest, token = self._behaviour.longest_token, body.get("personal_access_token") or ""
        if longest is not None and len(token) > longest:
            raise errors.invalid(f"personal_access_token is longer than {longest} characters")

    def _second(self, provider: str) -> ApiError:
        if self._behaviour.second_credential == "old":
            return ApiError(400, "INVALID_STATE", ONE_PER_PROVIDER_OLD)
        return ApiError(409, "RESOURCE_CONFLICT", ONE_PER_PROVIDER.format(provider))
