from __future__ import annotations

import pytest
from security.webhook_service import WebhookService


@pytest.fixture(scope="module")
def running():
    service = WebhookService()
    yield service
    service.stop()


@pytest.fixture
def service(running):
    running.intake.deliveries.clear()
    return running
