"""What every test may ask for: a Valkey, a PostgreSQL, a browser."""

import asyncio
import gc
import os
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote

import hypothesis
import pytest
from django.conf import settings as project
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.db import connection, connections
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

from bridge.conf import settings
from bridge.infra import redis, valkey
from bridge.models import Inbox
from tests import postgres
from tests.chromium import find as find_chromium
from tests.prepared import Migrated

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile(
    "chatbridge", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("chatbridge")

RANDOM = re.compile(
    r"\b at 0x[0-9a-f]{6}|(?!0{8})[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)


@pytest.fixture(scope="session")
def valkey_server() -> str:
    """The address of this run's Valkey: a real one, embedded, in a temporary folder."""
    valkey.keep(settings.VALKEY_DIR)
    return str(settings.REDIS_URL)


@pytest.fixture
def valkey_url(valkey_server: str) -> str:
    """The same with nothing in it. Throttles, presence and the channel layer of the settings use it."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(unquote(valkey_server.removeprefix("unix://")))
        client.sendall(b"FLUSHALL\r\n")
        assert client.recv(16) == b"+OK\r\n"
    return valkey_server


@pytest.fixture
def delays_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[asyncio.Event]:
    """Until this is set, the fault `delay` of a sandbox in this process lasts: no machine is too slow for what
    must happen meanwhile."""
    end = asyncio.Event()

    async def late(seconds: float) -> None:
        await end.wait()

    monkeypatch.setattr("bridge.sandbox.door.late", late)
    yield end
    end.set()


@pytest.fixture(autouse=True, scope="session")
def _addresses_are_of_the_settings() -> None:
    """Those of services are made once, when somebody first asks: not while a test has other services."""
    import_module(project.ROOT_URLCONF)


@pytest.fixture(autouse=True, scope="session")
def _clients_close_with_their_loop() -> Iterator[None]:
    """Each test has an event loop of its own; a client left open in it would be a warning in a later test."""
    original = asyncio.SelectorEventLoop.close

    def close(loop: asyncio.SelectorEventLoop) -> None:
        client = redis._clients.pop(loop, None)
        if client is not None and not loop.is_closed():
            loop.run_until_complete(client.aclose())
        original(loop)

    asyncio.SelectorEventLoop.close = close  # type: ignore[method-assign]
    yield
    asyncio.SelectorEventLoop.close = original  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def _until_it_is_migrated() -> Iterator[ExitStack]:
    """Closed when this process has its database: until then others wait for it."""
    with ExitStack() as waiting:
        yield waiting


@pytest.fixture(scope="session")
def django_db_keepdb(
    django_db_keepdb: bool, django_db_modify_db_settings: None, _until_it_is_migrated: ExitStack
) -> bool:
    """Whether this worker begins with a copy of what another one migrated: to do that anew takes five seconds."""
    if connection.vendor != "sqlite" or django_db_keepdb:
        return django_db_keepdb
    migrated = _until_it_is_migrated.enter_context(Migrated())
    return migrated.copied(Path(connection.settings_dict["TEST"]["NAME"]))


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_keepdb: bool,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    _until_it_is_migrated: ExitStack,
) -> Iterator[None]:
    """On PostgreSQL a database cannot be dropped while a thread of some test still has a connection to it."""
    if connection.vendor == "sqlite" and not django_db_keepdb:
        Migrated().keep(Path(connection.settings_dict["NAME"]))
    _until_it_is_migrated.close()
    with django_db_blocker.unblock():
        _flushes_keep_what_migrating_makes()
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


def _flushes_keep_what_migrating_makes() -> None:
    """After each test with transactions Django empties all tables and makes content types and permissions again,
    which took longer than most tests. These stay now, unless the test has changed them. And the first inbox, which a
    migration makes, comes back: whichever test is next finds what a new database has."""
    flush, kept = (
        TransactionTestCase._fixture_teardown,
        {ContentType._meta.db_table, Permission._meta.db_table},
    )

    def made() -> list[object]:
        return [list(model.objects.order_by("pk").values_list()) for model in (ContentType, Permission)]

    def empty(case: TransactionTestCase) -> None:
        nonlocal as_made
        if made() != as_made:
            flush(case)
            as_made = made()
        else:
            quickly_empty(case)
        Inbox.objects.bulk_create(Inbox(**each) for each in inboxes)

    def quickly_empty(case: TransactionTestCase) -> None:
        for name in case._databases_names(include_mirrors=False):
            connections[name].ops.execute_sql_flush(emptying(name))

    @cache
    def emptying(name: str) -> list[str]:
        one = connections[name]
        tables = one.introspection.django_table_names(only_existing=True, include_views=False)
        return list(one.ops.sql_flush(no_style(), [t for t in tables if t not in kept]))

    as_made, inboxes = made(), list(Inbox.objects.values())
    TransactionTestCase._fixture_teardown = empty


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with postgres.server() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The address of a new, empty database: what a process gets as DATABASE_URL. `Site` migrates it where it is not."""
    with postgres.database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium. Without one browser tests are left out, but never where CI is set."""
    path = find_chromium()
    if path is None:
        message = "No Chromium: `make browser` installs one"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


def pytest_collection_finish() -> None:
    """What pytest and Django hold by now stays: the collector walked through all of it again and again."""
    gc.collect()
    gc.freeze()
    # And what a test makes is looked through less often: three tenths of all CPU went into it.
    gc.set_threshold(20_000, 20, 50)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A parameter that is another one in each process, as a random UUID or an object's address, has another name in
    each worker, too: then none of them runs anything, and only where there are several.
    """
    if random := [item.nodeid for item in items if RANDOM.search(item.nodeid)]:
        raise pytest.UsageError(f"These names of tests differ from process to process: {random[:5]}")
