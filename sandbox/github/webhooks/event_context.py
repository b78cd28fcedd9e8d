"""The common fields of events: the repository, the sender and the installation."""

from __future__ import annotations

from sandbox.github.representations import objects
from sandbox.github.representations.objects import Json
from sandbox.github.state.installations import Account, Installation
from sandbox.github.state.repositories import Hosted
from sandbox.github.state.state import State


def surroundings(state: State, hosted: Hosted, installation: Installation, sender: Account) -> Json:
    """Return the fields that all events about a repository end with."""
    owner = state.owner(hosted)
    fields: Json = {
        "repository": objects.repository(state.url, hosted, owner),
        "sender": objects.account(state.url, sender),
        "installation": objects.installation_reference(installation),
    }
    if owner.type == "Organization":
        fields["organization"] = objects.organization(state.url, owner)
    return fields
