"""How the delivery of webhooks goes wrong: late, out of order, lost, repeated, replayed. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Fate:
    """What happens to one delivery."""

    pause: float = 0.0  # seconds until it is sent
    lost: bool = False  # never sent
    unheard: bool = False  # sent and taken, but the answer is not waited for
    repeated_after: float | None = None  # seconds until it is sent once more, under its GUID
    # Seconds until an attacker who has captured the body sends it under another GUID.
    replayed_after: float | None = None


IN_ORDER = Fate()


@dataclass(frozen=True)
class Disorder:
    """Several threads deliver, each delivery after a pause of its own.

    The shares are those of the deliveries that it happens to, the same ones in the order of
    queueing for the same seed. What is lost or unheard stands in the log as timed out.
    """

    threads: int = 4
    seed: int = 0
    seconds: float = 0.3  # the longest pause
    lost: float = 0.0
    unheard: float = 0.0
    repeated: float = 0.0
    replayed: float = 0.0
    again_seconds: float = 3.0  # the longest pause of what is repeated or replayed

    def fate(self, number: int) -> Fate:
        """Return what happens to the delivery of that number."""
        dice = random.Random(f"{self.seed} {number}")
        pause, lost, unheard = dice.uniform(0, self.seconds), dice.random(), dice.random()
        repeated, replayed = (
            dice.uniform(0, self.again_seconds) if dice.random() < share else None
            for share in (self.repeated, self.replayed)
        )
        return Fate(pause, lost < self.lost, unheard < self.unheard, repeated, replayed)
