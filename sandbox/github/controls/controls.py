"""What all levers stand on."""

from __future__ import annotations

from sandbox.github.state.repositories import Hosted
from sandbox.github.state.state import State


class Controls:
    """Some of the things that a test may do to the stand-in."""

    _state: State

    def _hosted(self, full_name: str) -> Hosted:
        hosted = self._state.repositories.find(full_name)
        if hosted is None:
            raise KeyError(full_name)
        return hosted
