from __future__ import annotations

import contextlib
import stat
import tomllib

import pytest
from builders import StillClock

from github_app.__main__ import main
from github_app.config.secret_reloader import LiveSecrets
from github_app.config.settings import load_settings
from github_app.doctor.ping import Echo, ping
from github_app.runtime.metrics import Metrics
from github_app.server.http import create_app
from github_app.setup.rotate_secret import Rotation, read_names, write_names
from github_app.wiring import open_app
from promotion.errors import ConfigError, PromotionError
from promotion.http import open_session
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
    for path in opened.directory.glob(".brickpush*"):
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


def test_a_rotation_that_stopped_before_the_settings_named_the_new_file_leaves_none(
    sandbox, monkeypatch, endpoint
):
    old = sandbox.github.webhook_secret
    (sandbox.directory / ".brickpush.toml.rotation").write_text("webhook-1.secret")
    (sandbox.directory / "webhook-1.secret").write_text("half a sec")

    assert rotate(sandbox, "--url", endpoint) == 0

    assert not (sandbox.directory / "webhook-1.secret").exists()
    assert sandbox.github.webhook_secret not in (old, "half a sec")
    assert [ping(endpoint, s, ca_path=None) for s in (old, sandbox.github.webhook_secret)] == [
        Echo.ACCEPTED,
        Echo.ACCEPTED,
    ]


class StoppedError(Exception):
    """The end of the process, as of a kill."""


def test_a_finish_that_is_killed_between_two_files_is_taken_up(sandbox, endpoint, capsys):
    assert rotate(sandbox, "--url", endpoint) == 0
    (sandbox.directory / "older.secret").write_text("older")
    named = read_names(sandbox.config_path)
    write_names(sandbox.config_path, [*named, "older.secret"])

    def die(_words):
        raise StoppedError

    app = app_of(sandbox)
    with pytest.raises(StoppedError):
        Rotation(sandbox.config_path, app, None, StillClock(), die).finish()
    left = (sandbox.directory / "older.secret").exists()
    capsys.readouterr()

    again = rotate(sandbox, "--finish")

    assert (left, again) == (True, 0)
    assert capsys.readouterr().out == "Removed: older.secret\n"
    assert read_names(sandbox.config_path) == named[:1]
    assert [path.name for path in sandbox.directory.glob("*.secret") if "webhook" in path.name] == (
        named[:1]
    )
    assert rotate(sandbox, "--finish") == 2  # there is nothing left to do


def test_a_finish_that_is_killed_before_it_changes_the_settings_is_taken_up(sandbox, endpoint):
    assert rotate(sandbox, "--url", endpoint) == 0
    (sandbox.directory / ".brickpush.toml.rotation").write_text("webhook.secret")
    named = read_names(sandbox.config_path)

    assert rotate(sandbox, "--finish") == 0

    assert read_names(sandbox.config_path) == named[:1]
    assert not (sandbox.directory / "webhook.secret").exists()
    assert not list(sandbox.directory.glob(".brickpush*"))


def app_of(sandbox):
    settings = load_settings(sandbox.config_path, {})
    return open_app(settings, open_session(str(sandbox.certificate.ca_path)))


def test_what_other_settings_beside_ours_name_is_left_alone(sandbox, endpoint):
    others = [sandbox.directory / "webhook-20200101T000000Z.secret", sandbox.directory / "a.secret"]
    for path in others:
        path.write_text("another service's")

    assert (rotate(sandbox, "--url", endpoint), rotate(sandbox, "--finish")) == (0, 0)

    assert [path.read_text() for path in others] == ["another service's"] * 2
    others[1].unlink()


def test_an_old_file_that_can_not_be_removed_is_named(sandbox, endpoint, capsys):
    assert rotate(sandbox, "--url", endpoint) == 0
    old = sandbox.directory / "webhook.secret"
    old.unlink()
    old.mkdir()  # what can't be unlinked

    code = rotate(sandbox, "--finish")
    old.rmdir()

    assert code == 0
    assert f"Not removed: {old} (" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("echo", "words"),
    [
        (Echo.OTHER_SECRET, "the old one is kept: restart the service"),
        (Echo.UNREACHABLE, "nothing answers there; the old one is kept: start it"),
        (Echo.NOT_OURS, "something else answers there; the old one is kept"),
    ],
)
def test_unless_the_service_accepts_the_new_secret_the_old_one_stays(
    sandbox, endpoint, capsys, echo, words
):
    assert rotate(sandbox, "--no-check") == 0
    named = read_names(sandbox.config_path)
    stranger = Rotation(sandbox.config_path, None, lambda _secret: echo, StillClock(), print)

    with pytest.raises(PromotionError, match=words):
        stranger.finish()

    assert read_names(sandbox.config_path) == named
    assert rotate(sandbox, "--finish", "--url", endpoint) == 0


@pytest.mark.parametrize("form", ["private_key_paths", "the environment"])
def test_the_apps_key_is_read_as_the_service_reads_it(
    sandbox, endpoint, monkeypatch, tmp_path, form
):
    known, text = sandbox.github.private_key_path, sandbox.config_path.read_text()
    line = f'private_key_path = "{known}"\n'
    assert line in text
    if form == "the environment":
        monkeypatch.setenv("BRICKPUSH_GITHUB__PRIVATE_KEY", known.read_text())
        sandbox.config_path.write_text(text.replace(line, ""))
    else:
        retired = tmp_path / "retired.pem"
        retired.touch(mode=0o600)
        retired.write_text(known.read_text())
        good = sandbox.github.add_private_key()
        sandbox.github.delete_private_key(known)
        paths = f'private_key_paths = ["{retired}", "{good}"]\n'
        sandbox.config_path.write_text(text.replace(line, paths))
    old = sandbox.github.webhook_secret

    assert (rotate(sandbox, "--url", endpoint), rotate(sandbox, "--finish")) == (0, 0)

    assert sandbox.github.webhook_secret != old


def test_an_error_of_githubs_is_said_with_the_next_step(sandbox, endpoint, capsys):
    known, text = sandbox.github.app_id, sandbox.config_path.read_text()
    sandbox.config_path.write_text(text.replace(f"app_id = {known}", "app_id = 1"))

    assert rotate(sandbox, "--url", endpoint) == 1

    assert "compare github.app_id" in capsys.readouterr().err


def test_nothing_to_finish_is_said(sandbox, capsys):
    assert rotate(sandbox, "--finish") == 2
    assert "there is nothing to finish" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BRICKPUSH_GITHUB__WEBHOOK_SECRETS", '["x"]'),
        ("brickpush_github__webhook_secrets", '["x"]'),
        ("BRICKPUSH_GITHUB__WEBHOOK_SECRET_PATHS", '["/run/secrets/webhook"]'),
        ("BRICKPUSH_GITHUB", '{"webhook_secret_paths": ["/run/secrets/webhook"]}'),
    ],
)
@pytest.mark.parametrize("options", [(), ("--finish",)])
def test_secrets_of_the_environment_are_not_rotated_behind_its_back(
    sandbox, monkeypatch, capsys, name, value, options
):
    monkeypatch.setenv(name, value)
    before = sandbox.config_path.read_text(), sandbox.github.webhook_secret

    assert rotate(sandbox, *options) == 2

    said = capsys.readouterr().err
    assert "is set and overrides" in said
    assert "give the new and the old one there, restart the service" in said
    assert (sandbox.config_path.read_text(), sandbox.github.webhook_secret) == before


def test_settings_that_can_not_be_written_leave_no_new_secret(sandbox, endpoint, capsys):
    (sandbox.directory / ".brickpush.toml.new").mkdir()  # in the way

    try:
        assert rotate(sandbox, "--url", endpoint) == 2
    finally:
        (sandbox.directory / ".brickpush.toml.new").rmdir()

    assert "can't be changed (" in capsys.readouterr().err
    assert [path.name for path in sandbox.directory.glob("webhook*")] == ["webhook.secret"]
    assert not list(sandbox.directory.glob(".brickpush*"))


def test_a_link_to_the_settings_stays_a_link(tmp_path):
    real, link = tmp_path / "real.toml", tmp_path / "brickpush.toml"
    real.write_text('[github]\nwebhook_secret_paths = ["a"]\n')
    link.symlink_to(real)

    write_names(link, ["b", "a"])

    assert link.is_symlink()
    assert read_names(real) == ["b", "a"]


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


@pytest.mark.parametrize("trouble", ["the settings", "a secret"])
def test_a_running_service_keeps_its_secrets_where_a_file_becomes_unreadable(sandbox, trouble):
    clock = Clock()
    live = LiveSecrets(sandbox.config_path, {}, now=clock)
    before = list(live)

    if trouble == "a secret":
        (sandbox.directory / "webhook-1.secret").write_bytes("s3cret".encode("utf-16"))
        write_names(sandbox.config_path, ["webhook-1.secret", "webhook.secret"])
    else:
        sandbox.config_path.write_text("[github")
    clock.now += 2

    assert list(live) == before
