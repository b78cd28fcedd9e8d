"""What surrounds the news in an event: the repository, the sender and the installation."""

from __future__ import annotations

from sandbox.github import representations
from sandbox.github.installations import Account, Installation
from sandbox.github.repositories import Hosted
from sandbox.github.representations import Json
from sandbox.github.state import State


def surroundings(state: State, hosted: Hosted, installation: Installation, sender: Account) -> Json:
    """Return the fields that all events about a repository end with."""
    owner = state.owner(hosted)
    fields: Json = {
        "repository": representations.repository(state.url, hosted, owner),
        "sender": representations.account(state.url, sender),
        "installation": representations.installation_reference(installation),
    }
    if owner.type == "Organization":
        fields["organization"] = representations.organization(state.url, owner)
    return fields
