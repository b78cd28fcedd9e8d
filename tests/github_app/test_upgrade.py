"""From one release to the next: tables, running work, and processes of both at the same time."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from fault_scene import QUICK, Scene
from running import Service, environment, wait_until

from github_app.storage import database
from github_app.wiring import migrate
from sandbox.sandbox import Options, open_sandbox

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "github_app" / "storage" / "migrations"
UPDATE = "/api/2.0/repos/"
TAKE_OVER_SECONDS = 20.0
both_backends = pytest.mark.parametrize(
    "backend", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)
MIGRATE = """
import sys
from github_app.wiring import migrate
print("ready", flush=True)
sys.stdin.readline()
migrate(sys.argv[1])
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request):
    return request.param


@pytest.fixture
def empty_url(tmp_path, backend, request):
    """A database without a table."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path}/brickpush.sqlite"
        return
    postgres = request.getfixturevalue("postgres")
    name = f"empty_{uuid.uuid4().hex}"
    postgres.execute(f"create database {name}")
    yield postgres.url(name)
    postgres.drop(postgres.url(name))


@pytest.fixture
def engine(empty_url):
    engine = database.open_engine(empty_url)
    yield engine
    engine.dispose()


@pytest.fixture
def scene(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as sandbox:
        scene = Scene(sandbox)
        yield scene
        scene.calm()
        if scene.service is not None:
            scene.service.close()


def script_directory():
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return ScriptDirectory.from_config(config)


REVISIONS = [script.revision for script in script_directory().walk_revisions()][::-1]


def make_tables_of(revision, engine):
    """Make the tables of an older release."""
    with engine.begin() as tx:
        config = Config(attributes={"connection": tx})
        config.set_main_option("script_location", str(SCRIPTS))
        command.upgrade(config, revision)


def a_value(column):
    """Return something that a column may hold; the same for all columns of a kind."""
    kinds = ((sa.Boolean, True), (sa.Integer, 7), (sa.Float, 1.5), (sa.LargeBinary, b"{}"))
    return next((value for kind, value in kinds if isinstance(column.type, kind)), "text")


def fill(engine):
    """Put a row into every table, and return them."""
    tables = sa.MetaData()
    tables.reflect(engine)
    rows = {}
    with engine.begin() as tx:
        for table in tables.sorted_tables:
            if table.name != "alembic_version":
                row = {column.name: a_value(column) for column in table.columns}
                tx.execute(table.insert(), row)
                rows[table.name] = row
    return rows


def rows_in(engine, names):
    tables = sa.MetaData()
    tables.reflect(engine, only=list(names))
    with engine.connect() as reader:
        return {
            name: [dict(row._mapping) for row in reader.execute(sa.select(tables.tables[name]))]
            for name in names
        }


@pytest.mark.parametrize(
    "revision", [REVISIONS[0], *(pytest.param(r, marks=pytest.mark.slow) for r in REVISIONS[1:])]
)
def test_the_tables_of_every_older_release_are_upgraded_and_lose_nothing(
    empty_url, engine, revision
):
    make_tables_of(revision, engine)
    before = fill(engine)

    migrate(empty_url)

    after = rows_in(engine, before)
    kept = {
        name: {column: value for column, value in rows[0].items() if column in before[name]}
        for name, rows in after.items()
    }
    assert kept == before
    assert {name: len(rows) for name, rows in after.items()} == dict.fromkeys(before, 1)


def serve(scene, url, *more):
    """Run `brickpush serve` to its end, which is soon, and return how it ended."""
    command = (sys.executable, "-I", "-m", "brickpush", "serve", "--port", "0", *more)
    return subprocess.run(
        (*command, "--config", str(scene.sandbox.config_path)),
        capture_output=True,
        text=True,
        env=environment(BRICKPUSH_DATABASE_URL=url),
        timeout=60,
        check=False,
    )


@pytest.mark.slow
@both_backends
@pytest.mark.parametrize(
    ("whose", "told"),
    [
        (
            "ours",
            f"brickpush: the database has revision 9999, and this release knows up to"
            f" {REVISIONS[-1]}: it was upgraded by a newer release; start that one, or restore"
            " the backup made before the upgrade\n",
        ),
        (
            "the engine's",
            "brickpush: the durable engine's tables have version 9999, and this release knows up"
            " to [0-9]+: they were upgraded by a newer release; start that one, or restore the"
            " backup made before the upgrade\n",
        ),
    ],
)
def test_a_release_that_finds_tables_of_a_newer_one_says_so_and_does_not_start(
    scene, empty_url, engine, backend, whose, told
):
    migrate(empty_url)
    engines = "dbos_migrations" if backend == "sqlite" else "dbos.dbos_migrations"
    table, column = {
        "ours": ("alembic_version", "version_num"),
        "the engine's": (engines, "version"),
    }[whose]
    with engine.begin() as tx:
        tx.execute(sa.text(f"update {table} set {column} = '9999'"))

    ran = serve(scene, empty_url)

    assert (ran.returncode, ran.stdout) == (2, "")
    assert re.fullmatch(told, ran.stderr)
    with engine.connect() as reader:
        found = reader.execute(sa.text(f"select {column} from {table}")).scalar_one()
    assert str(found) == "9999"


@pytest.mark.slow
@both_backends
def test_processes_that_start_at_once_on_an_empty_database_migrate_it_once(
    empty_url, engine, backend
):
    processes = [
        subprocess.Popen(
            (sys.executable, "-I", "-W", "error", "-c", MIGRATE, empty_url),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]

    assert ended == [("", 0)] * 3
    with engine.connect() as reader:
        versions = reader.execute(sa.text("select version_num from alembic_version"))
        assert versions.scalars().all() == [REVISIONS[-1]]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_of_two_processes_on_one_file_the_second_says_who_has_it(scene, empty_url):
    scene.start(BRICKPUSH_DATABASE_URL=empty_url)

    second = serve(scene, empty_url)

    path = empty_url.removeprefix("sqlite:///")
    assert (second.returncode, second.stderr) == (
        2,
        f"brickpush: another worker uses {path}; stop it, or use PostgreSQL\n",
    )
    scene.wait_promoted(scene.push())  # the first one goes on


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_two_processes_that_start_at_once_on_an_empty_database_both_serve(scene, empty_url):
    config, environ = scene.sandbox.config_path, {**QUICK, "BRICKPUSH_DATABASE_URL": empty_url}
    logs = [scene.sandbox.directory / f"{number}.log" for number in (1, 2)]
    # Both are started before either is waited for.
    services = [Service(config, log, listens=False, **environ) for log in logs]
    for service in services:
        service.wait_until_it_listens()
    scene.service, other = services
    scene.github.hook_url = scene.service.hook

    scene.wait_promoted(scene.push())

    assert (other.stop(), scene.service.stop()) == (0, 0)


@pytest.fixture
def old_release(tmp_path):
    """Another release, with the same tables: its workflow is written otherwise."""
    for package in ("promotion", "github_app"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    engine = tmp_path / "github_app" / "worker" / "engine.py"
    text = engine.read_text()
    # What the first release said: the work of a process that says another is nobody's.
    text = re.sub(r'APPLICATION_VERSION = ".*"', 'APPLICATION_VERSION = "1"', text)
    step = "            promote_newest_push(Claim("
    assert text.count(step) == 1
    other = '            DBOS.logger.warning("the old release runs it")\n'
    engine.write_text(text.replace(step, other + step))
    program = tmp_path / "old_release.py"
    program.write_text(
        f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n"
        "from github_app.__main__ import main\nsys.exit(main(sys.argv[1:]))\n"
    )
    return (str(program),)


@pytest.mark.slow
@both_backends
def test_a_new_release_finishes_what_the_old_one_was_killed_in(scene, empty_url, old_release, say):
    environ = {"BRICKPUSH_DATABASE_URL": empty_url}
    scene.start(program=old_release, **environ)
    scene.wait_promoted(scene.push())
    late = [
        workspace.faults.add(
            method="PATCH", path=f"{UPDATE}*", status="late", seconds=30, times=None
        )
        for workspace in scene.workspaces
    ]
    sha = scene.push()
    wait_until(lambda: all(fault.hits for fault in late), what="the updates")
    scene.service.kill()
    scene.calm()

    scene.start(**environ)
    seconds = scene.wait_promoted(sha, TAKE_OVER_SECONDS)

    say(f"the new release had it promoted and told after {seconds:.1f} s")
    runs = [run.name for run in scene.github.check_runs if run.head_sha == sha]
    assert sorted(runs) == ["Brickpush / dev / main", "Brickpush / prod / main"]
    assert scene.said("the old release runs it")
    scene.check()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_processes_of_two_releases_share_the_work_while_one_replaces_the_other(
    scene, empty_url, old_release, tmp_path
):
    environ = {**QUICK, "BRICKPUSH_DATABASE_URL": empty_url}
    scene.start(program=old_release, **environ)
    scene.wait_promoted(scene.push())
    new = Service(scene.sandbox.config_path, tmp_path / "new.log", **environ)
    old, scene.service = scene.service, new
    scene.github.hook_url = new.hook

    both = scene.push()
    code = old.stop()
    scene.wait_promoted(both)
    scene.wait_promoted(scene.push())

    assert code == 0
    scene.check()
