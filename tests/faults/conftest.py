"""One service for all who only trouble it, and scenes of their own for those who end it."""

from __future__ import annotations

import pytest
from fault_scene import Scene
from running import Developer

from sandbox.sandbox import Options, open_sandbox


@pytest.fixture(scope="session")
def shared_scene(tmp_path_factory):
    with open_sandbox(tmp_path_factory.mktemp("faults"), Options(empty=True)) as sandbox:
        scene = Scene(sandbox)
        service = scene.start()
        yield scene
        service.close()


@pytest.fixture
def scene(shared_scene):
    """A service that is well; whatever a test does to it must have ended by itself."""
    shared_scene.begin()
    yield shared_scene
    shared_scene.calm()


@pytest.fixture
def own_scene(tmp_path):
    """A sandbox of its own, without a service yet; the one that runs last is ended."""
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as sandbox:
        scene = Scene(sandbox)
        yield scene
        scene.calm()
        scene.service.close()


@pytest.fixture
def developer(scene, tmp_path):
    return Developer(scene.sandbox, tmp_path / "clone")
