"""The table of Databricks errors; the first matching row explains an error. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from promotion.errors import ApiError
from promotion.model import Conclusion


@dataclass(frozen=True)
class Failure:
    """The explanation of an error for a person."""

    reason: str
    next_step: str
    conclusion: Conclusion = Conclusion.FAILURE
    credential: bool = False  # whether another Git credential may help
    ambiguous: bool = False  # whether naming one of several Git credentials may help


@dataclass(frozen=True)
class Row:
    """One known error: it has one of *statuses*, and matches by its code or by its message."""

    failure: Failure
    statuses: tuple[int, ...] = ()  # empty: any
    error_codes: tuple[str, ...] = ()
    message: str = ""  # a regular expression, case-insensitive
    call: str = ""  # a regular expression of the calls that can fail so

    def matches(self, exc: ApiError, words: str) -> bool:
        """Return whether this row matches *exc*, whose message without names is *words*."""
        if self.statuses and exc.status not in self.statuses:
            return False
        if self.call and not re.search(self.call, exc.call):
            return False
        if not self.error_codes and not self.message:
            return True
        said = self.message and re.search(self.message, words, re.IGNORECASE)
        return exc.error_code in self.error_codes or bool(said)


def _conflict(reason: str, next_step: str) -> Failure:
    return Failure(reason, next_step, Conclusion.ACTION_REQUIRED)


GIT = r"^(PATCH|POST) (?!.*/(git-credentials|workspace)\b)"  # the calls that run git
CONFLICTS = (400, 409)
BUSY = Failure("another Git operation runs in this Git folder", "re-run when it has ended")
EDITS = _conflict(
    "somebody edited files in the Git folder that the push changes too",
    "commit or discard the edits in the Git folder, then re-run",
)
TOKEN = Failure(
    "Databricks did not accept the access token",
    "check the tenant, the client id and this machine's clock",
)

ROWS = (
    Row(
        Failure(
            "no Git credential is stored for the identity that pulls",
            "let Brickpush store one, or add one under Settings > Linked accounts",
            credential=True,
        ),
        message=r"missing git provider credentials|no git credential",
    ),
    Row(
        Failure(
            "GitHub refused the stored Git credential: it is wrong or has expired",
            "check that the GitHub App is installed on the repository, then re-run",
            credential=True,
        ),
        message=r"git provider credentials|bad credentials|SAML SSO",
        call=GIT,
    ),
    Row(
        Failure(
            "several Git credentials fit and none is the default",
            "mark one as the default under Settings > Linked accounts",
            ambiguous=True,
        ),
        error_codes=("GIT_CLI_CANNOT_CHOOSE_CREDENTIAL",),
        message=r"cannot choose .*credential|multiple git credentials",
    ),
    Row(
        Failure(
            "Databricks could not sign in to Azure DevOps for this folder",
            "the folder's remote is not GitHub: leave it out by a rule",
        ),
        message=r"azure active directory credentials|AAD credentials",
        call=GIT,
    ),
    Row(
        Failure(
            "GitHub does not show the repository to the stored Git credential",
            "add the repository to the GitHub App's installation, or correct the folder's URL",
            credential=True,
        ),
        message=r"remote repo(sitory)? not found|repository not found",
        call=GIT,
    ),
    Row(
        Failure(
            "the organization's IP allow list on GitHub does not let Databricks in",
            "ask an owner of the organization to add Databricks' addresses to it",
        ),
        message=r"organization has an ip allow ?list",
        call=GIT,
    ),
    Row(
        Failure(
            "the repository's host is not on the workspace's allow list of Git URLs",
            "ask a workspace admin to add it under Settings > Development > Git URL allow list",
        ),
        error_codes=("GIT_URL_NOT_ON_ALLOW_LIST",),
        message=r"\burl\b.*allow ?list|allow ?list.*\burls?\b",
        call=GIT,
    ),
    Row(
        Failure(
            "the workspace's IP access list or its private link does not let this machine in",
            "ask a workspace admin to add this machine's address to the IP access list",
        ),
        statuses=(403,),
        message=r"unauthorized (network )?access to|ip access list|blocked by .*\bip\b",
    ),
    Row(
        Failure(
            "the principal is not a member of this workspace",
            "add the service principal under Settings > Identity and access",
        ),
        statuses=(401, 403),
        message=(
            r"not (a member|assigned|found in|part of)|user not found|not added to"
            r"|user (is )?not authori[sz]ed|without the workspace-access entitlement"
        ),
    ),
    Row(TOKEN, statuses=(401,)),
    Row(
        TOKEN,
        statuses=(403,),
        # At the beginning only: paths and names, which anybody may choose, come later.
        message=r"^\W*(the |your )?((invalid|expired|personal|access|aad|entra|oauth) )*tokens?\b",
    ),
    Row(TOKEN, statuses=(400, 403), message=r"^\W*(jwt|[\w.]*claim\w*exception)\b"),
    Row(
        Failure(
            "the branch is not on GitHub any more",
            "check out another branch in this Git folder",
        ),
        error_codes=("GIT_UNKNOWN_REF",),
        message=(
            r"^\W*(error: |fatal: )*(the )?(remote )?(branch|ref|reference|tag)\b"
            r".*(does not exist|doesn't exist|not found|not be found|not in the remote)"
            r"|(unable to|could not|couldn't|cannot) find (the )?(remote )?(branch|ref|tag)\b"
            r"|unknown ref"
        ),
        call=GIT,
    ),
    Row(
        BUSY,
        error_codes=("ABORTED", "RESOURCE_CONFLICT"),
        message=r"git operation is in progress",
        call=GIT,
    ),
    Row(
        EDITS,
        statuses=CONFLICTS,
        message=r"^\W*(your local changes|the following untracked|.{0,20}uncommitted changes)",
        call=GIT,
    ),
    Row(
        _conflict(
            "the Git folder holds commits that are not on GitHub",
            "push them or reset the branch in the Git folder, then re-run",
        ),
        statuses=CONFLICTS,
        message=(r"diverge|unpushed|local commits|not possible to fast-forward|no common ancestor"),
        call=GIT,
    ),
    Row(
        EDITS,
        statuses=CONFLICTS,
        message=r"uncommitted|local changes|would be overwritten|unstaged|untracked",
        call=GIT,
    ),
    Row(
        _conflict(
            "git reports a merge conflict in the Git folder",
            "resolve or abort it in the Git folder, then re-run",
        ),
        statuses=CONFLICTS,
        error_codes=("GIT_CONFLICT",),
        message=r"merge conflict|conflicts? (in|with)|ongoing (rebase|merge)",
        call=GIT,
    ),
    Row(
        Failure(
            "the commit holds what looks like a secret, and Databricks refuses it",
            "remove the secret from the commit and revoke it",
        ),
        error_codes=("GIT_SENSITIVE_TOKEN_DETECTED",),
    ),
    Row(
        Failure(
            "the workspace forbids notebooks with outputs (.ipynb) in Git folders",
            "ask a workspace admin, or clear the outputs and push again",
        ),
        error_codes=("IPYNB_FILE_IN_REPO",),
    ),
    Row(
        Failure(
            "the repository is larger than Databricks takes",
            "use a sparse Git folder, or make the branch smaller",
        ),
        message=r"exceeds? .*(limit|size|memory)|too (large|many files)|out of (memory|disk)",
        call=GIT,
    ),
    Row(
        Failure(
            "git ran longer than Databricks allows; it may still finish by itself",
            "re-run in some minutes; a sparse Git folder is faster",
            Conclusion.TIMED_OUT,
        ),
        error_codes=("PROJECTS_OPERATION_TIMEOUT", "DEADLINE_EXCEEDED"),
        call=GIT,
    ),
    Row(
        Failure(
            "Databricks could not reach the repository's host",
            "check githubstatus.com, and that the host can be reached from Databricks",
        ),
        error_codes=("GIT_REMOTE_ERROR", "INSECURE_PARTNER_RESPONSE", "MALFORMED_PARTNER_RESPONSE"),
    ),
    Row(
        Failure("Git folders are switched off in this workspace", "ask a workspace admin for them"),
        error_codes=("FEATURE_DISABLED",),
    ),
    Row(
        Failure(
            "the principal may not manage this Git folder",
            "grant it Can Manage on the folder, or on a directory above it",
        ),
        statuses=(403,),
        call=GIT,
    ),
    Row(
        Failure("the principal may not store a Git credential", "ask a workspace admin"),
        statuses=(403,),
        call=r"^(PATCH|POST) .*/git-credentials\b",
    ),
    Row(
        Failure(
            "the principal may not read it",
            "grant it Can Read there; a Git folder itself needs Can Manage",
        ),
        statuses=(403,),
    ),
    Row(
        Failure(
            "the Git folder is gone",
            "nothing to do, unless it was deleted by mistake",
            Conclusion.SKIPPED,
        ),
        statuses=(404,),
        error_codes=("RESOURCE_DOES_NOT_EXIST",),
        call=r"/repos/\d+$",
    ),
    Row(
        Failure("Databricks says that there is no such path", "check the path"),
        statuses=(404,),
        error_codes=("RESOURCE_DOES_NOT_EXIST",),
    ),
    Row(
        Failure(
            "the workspace's address has no such API: it may be no workspace's, or a proxy answers",
            "check the workspace's host, and that it can be reached from here",
        ),
        statuses=(404,),
    ),
    Row(
        BUSY,
        error_codes=("INVALID_STATE",),
    ),
    Row(
        Failure("Databricks throttles this principal, longer than we waited", "re-run in minutes"),
        statuses=(429,),
    ),
    Row(
        Failure(
            "Databricks was not available, longer than we waited",
            "re-run in some minutes; status.azuredatabricks.net lists outages",
        ),
        statuses=(500, 502, 503, 504),
    ),
)
