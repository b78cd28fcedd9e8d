"""A stand-in Entra on a real socket, with TLS as MSAL insists."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.certificates import Certificate, make_certificate
from sandbox.entra.server import Entra
from sandbox.serving import Listener


class Clock:
    """The real time, and as much later as a test says."""

    def __init__(self) -> None:
        self.later = 0.0

    def __call__(self) -> float:
        return time.time() + self.later


class Trusting(requests.Session):
    """A session that trusts the test's authority, whatever the environment says."""

    def __init__(self, ca_path: Path) -> None:
        super().__init__()
        self.trust_env = False
        self.verify = str(ca_path)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


class Address:
    """A port that stays open for all tests, and whose application each test brings."""

    def __init__(self, listener: Listener) -> None:
        self.url = listener.url
        self.app: ASGIApp
        listener.serve(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def address(certificate: Certificate) -> Iterator[Address]:
    listener = Listener(certificate)
    yield Address(listener)
    listener.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def entra(address: Address, clock: Clock) -> Entra:
    entra = Entra(url=address.url, clock=clock)
    address.app = entra.asgi
    return entra


@pytest.fixture
def session(certificate: Certificate) -> Iterator[requests.Session]:
    with Trusting(certificate.ca_path) as session:
        yield session
