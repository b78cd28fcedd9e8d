from __future__ import annotations

import contextlib
import stat
import tomllib

import pytest
from builders import StillClock

from github_app.__main__ import main
from github_app.live_secrets import LiveSecrets
from github_app.metrics import Metrics
from github_app.probe import Echo, ping
from github_app.rotate import Rotation, read_names, write_names
from github_app.server import create_app
from promotion.errors import ConfigError, PromotionError
from sandbox.sandbox import Options, open_sandbox, write_config
from sandbox.serving import Listener


class Clock(StillClock):
    def __call__(self):
        return self.now


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    with open_sandbox(tmp_path_factory.mktemp("sandbox"), Options(empty=True)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(opened):
    write_config(opened)
    (opened.directory / "webhook.secret").write_text(opened.github.webhook_secret)
    yield opened
    for path in opened.directory.glob("webhook*.secret"):
        path.unlink()


@pytest.fixture
def endpoint(sandbox):
    """The service's webhook endpoint, which looks at its settings whenever it is asked."""
    clock = Clock()
    live = LiveSecrets(sandbox.config_path, {}, now=clock)

    async def app(scope, receive, send):
        clock.now += 2
        served = create_app(intake=None, secrets=live, metrics=Metrics(), ready=dict)
        await served(scope, receive, send)

    with contextlib.closing(Listener(None)) as listener:
        listener.serve(app)
        yield f"{listener.url}/webhooks/github"


def rotate(sandbox, *options):
    return main(["rotate", "webhook-secret", "--config", str(sandbox.config_path), *options])


def test_no_delivery_is_refused_at_any_step(sandbox, endpoint, capsys):
    old = sandbox.github.webhook_secret

    begun = rotate(sandbox, "--url", endpoint)
    new = sandbox.github.webhook_secret
    both = [ping(endpoint, secret, ca_path=None) for secret in (old, new)]
    named = read_names(sandbox.config_path)
    modes = {stat.S_IMODE((sandbox.directory / name).stat().st_mode) for name in named[:1]}
    finished = rotate(sandbox, "--finish")
    after = [ping(endpoint, secret, ca_path=None) for secret in (old, new)]

    assert (begun, finished) == (0, 0)
    assert new != old
    assert both == [Echo.ACCEPTED, Echo.ACCEPTED]
    assert after == [Echo.OTHER_SECRET, Echo.ACCEPTED]
    assert modes == {0o600}
    assert read_names(sandbox.config_path) == named[:1]
    assert not (sandbox.directory / "webhook.secret").exists()
    said = capsys.readouterr().out
    assert old not in said
    assert new not in said


def test_an_operator_may_vouch_for_a_service_that_can_not_be_reached(sandbox):
    old = sandbox.github.webhook_secret

    code = rotate(sandbox, "--no-check")

    assert code == 0
    assert sandbox.github.webhook_secret != old


def test_a_rotation_that_stopped_is_taken_up(sandbox, endpoint, capsys):
    clock = StillClock()
    old = sandbox.github.webhook_secret
    deaf = Rotation(sandbox.config_path, None, lambda _secret: Echo.OTHER_SECRET, clock, print)

    with pytest.raises(PromotionError, match="GitHub's side is unchanged: it does not know"):
        deaf.begin(stamp="1")
    between = read_names(sandbox.config_path)
    assert sandbox.github.webhook_secret == old

    assert rotate(sandbox, "--url", endpoint) == 0
    assert read_names(sandbox.config_path) == between == ["webhook-1.secret", "webhook.secret"]
    assert sandbox.github.webhook_secret == (sandbox.directory / "webhook-1.secret").read_text()
    assert clock.now >= 30
    assert "A rotation has begun already" in capsys.readouterr().out


def test_nothing_to_finish_is_said(sandbox, capsys):
    assert rotate(sandbox, "--finish") == 2
    assert "there is nothing to finish" in capsys.readouterr().err


def test_secrets_of_the_environment_are_not_rotated_behind_its_back(sandbox, monkeypatch, capsys):
    monkeypatch.setenv("BRICKPUSH_GITHUB__WEBHOOK_SECRETS", '["x"]')

    assert rotate(sandbox) == 2
    assert "is set and wins over" in capsys.readouterr().err


def test_comments_and_the_mode_of_the_settings_stay(tmp_path):
    config = tmp_path / "brickpush.toml"
    config.write_text(
        '# mine\n[github]  # and this\napp_id = 1\nwebhook_secret_paths = ["a"] # why\n'
    )
    config.chmod(0o640)

    write_names(config, ["b", "a"])

    text = config.read_text()
    assert "# mine\n[github]  # and this" in text
    assert tomllib.loads(text)["github"] == {"app_id": 1, "webhook_secret_paths": ["b", "a"]}
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["brickpush.toml"]


@pytest.mark.parametrize("text", ["", "[github]\napp_id = 1\n", "[github"])
def test_settings_without_secret_files_are_refused(tmp_path, text):
    config = tmp_path / "brickpush.toml"
    config.write_text(text)

    with pytest.raises(ConfigError):
        read_names(config)


def test_a_running_service_keeps_its_secrets_where_the_settings_become_unreadable(sandbox):
    clock = Clock()
    live = LiveSecrets(sandbox.config_path, {}, now=clock)
    before = list(live)

    sandbox.config_path.write_text("[github")
    clock.now += 2

    assert list(live) == before
