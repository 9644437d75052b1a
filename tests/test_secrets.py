"""Secrets: where they come from, and that they show nowhere."""

import html
import io
import logging
import pprint
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from bridge.checks import check_private
from bridge.files.links import key_of
from bridge.identity import staff_tokens, tokens
from bridge.infra.sqlite.base import DatabaseWrapper
from chatbridge_site import environment, secrecy, servers
from chatbridge_site.environment import Environment

LONG = "a-key-that-nobody-guesses-0123456789"
SECRETS = {
    "SECRET_KEY": "key%of<the>site-" + "k3" * 20,
    "SECRET_KEY_FALLBACKS": "the-key-that-it-was-before-0123456789",
    "DATABASE_URL": "postgres://me:pg%2Fpass'word@db.example/chat",
    "REDIS_URL": "rediss://:redis-pass-word@redis.example:6379/0",
    "DISCORD_TOKEN": "MTE4MDAwMDAwMDAwMDAwMDAwMg.Gabcde.abcdefghijklmnopqrstuvwxyz0123456789AB",
    "EMAIL_URL": "smtp+tls://me%40example.com:mail%22pass-word@mail.example.com",
    "MAILGUN_SIGNING_KEY": "mailgun-signing-0123456789",
    "POSTMARK_SECRET": "postmark-password-0123456789",
    "FILES_OPTIONS": '{"bucket_name": "chat-files", "secret_key": "s3-secret-0123456789"}',
}
HIDDEN = [
    SECRETS["SECRET_KEY"],
    SECRETS["SECRET_KEY_FALLBACKS"],
    "pg%2Fpass'word",
    "pg/pass'word",
    "redis-pass-word",
    SECRETS["DISCORD_TOKEN"],
    "mail%22pass-word",
    'mail"pass-word',
    SECRETS["MAILGUN_SIGNING_KEY"],
    SECRETS["POSTMARK_SECRET"],
    "s3-secret-0123456789",
]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No variable is set; the folder in which files may be."""
    for name in Environment.model_fields:
        for variable in (name.upper(), f"{name.upper()}_FILE"):
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("ENV_FILE", "")
    return tmp_path


@pytest.fixture
def known() -> Iterator[Environment]:
    """A site with all these secrets, which `secrecy` knows."""
    before = secrecy.conceal
    values = {name.lower(): value for name, value in SECRETS.items()}
    made = Environment(_env_file=None, **values)  # type: ignore[arg-type]
    secrecy.know(getattr(made, name) for name in environment.secret_names())
    yield made
    secrecy.conceal = before


def shown(text: str) -> list[str]:
    """Those of the secrets that can be read in a text, however it spells them."""
    unescaped = html.unescape(text)
    return [each for each in HIDDEN if each in unescaped or repr(each)[1:-1] in unescaped]


def test_each_variable_that_can_hold_a_secret_is_known_as_one() -> None:
    assert sorted(map(str.upper, environment.secret_names())) == sorted(SECRETS)


def test_what_was_read_shows_no_secret_however_it_is_printed(known: Environment) -> None:
    for text in (
        repr(known),
        str(known),
        pprint.pformat(known),
        f"{known}",
        repr(known.__dict__["redis_url"]),
    ):
        assert shown(text) == []


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("way", ["environment", ".env"])
def test_each_secret_can_be_in_a_file(
    bare: Path, monkeypatch: pytest.MonkeyPatch, name: str, end: str, way: str
) -> None:
    kept = bare / "kept"
    kept.write_bytes((SECRETS[name] + end).encode())
    if way == ".env":
        (bare / "env").write_text(f"{name}_FILE={kept}\n")
        monkeypatch.setenv("ENV_FILE", str(bare / "env"))
    else:
        monkeypatch.setenv(f"{name}_FILE", str(kept))
    given = Environment(_env_file=None, **{name.lower(): SECRETS[name]})  # type: ignore[arg-type]
    assert getattr(environment.read(), name.lower()) == getattr(given, name.lower())


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("mistake", ["missing", "folder", "empty", "blank", "bytes", "both", "loop"])
def test_a_file_that_cannot_be_read_ends_in_one_sentence_that_names_it(
    bare: Path, monkeypatch: pytest.MonkeyPatch, name: str, mistake: str
) -> None:
    kept = bare / "kept"
    contents = {
        "empty": b"",
        "blank": b" \n",
        "bytes": b"\xff\xfe\x00",
        "both": b"x" * 50,
    }
    if mistake in contents:
        kept.write_bytes(contents[mistake])
    elif mistake == "folder":
        kept.mkdir()
    elif mistake == "loop":
        kept.symlink_to(kept)
    monkeypatch.setenv(f"{name}_FILE", str(kept))
    if mistake == "both":
        monkeypatch.setenv(name, SECRETS[name])
    with pytest.raises(SystemExit) as ended:
        environment.read()
    said = str(ended.value)
    assert said.startswith(name)
    assert len(said.splitlines()) == 1
    assert "both" in said if mistake == "both" else str(kept) in said


def test_a_variable_that_is_set_wins_over_a_file_that_the_env_file_names(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bare / "env").write_text("DISCORD_TOKEN_FILE=/nowhere\nPOSTMARK_SECRET=there\n")
    (bare / "kept").write_text("here\n")
    monkeypatch.setenv("ENV_FILE", str(bare / "env"))
    monkeypatch.setenv("DISCORD_TOKEN", "set")
    monkeypatch.setenv("POSTMARK_SECRET_FILE", str(bare / "kept"))
    read = environment.read()
    assert read.discord_token.get_secret_value() == "set"
    assert read.postmark_secret.get_secret_value() == "here"


@pytest.mark.parametrize("length", [1, 8, 20, environment.SHORTEST_KEY - 1])
@pytest.mark.parametrize("debug", ["0", "1"])
def test_a_short_key_is_refused_in_one_sentence_without_it(
    bare: Path, monkeypatch: pytest.MonkeyPatch, length: int, debug: str
) -> None:
    monkeypatch.setenv("SECRET_KEY", ("qZ7" * 20)[:length])
    monkeypatch.setenv("DEBUG", debug)
    with pytest.raises(SystemExit, match=r"^SECRET_KEY is wrong: .*too short") as ended:
        environment.read()
    assert length < 3 or ("qZ7" * 20)[:length] not in str(ended.value)


def test_a_key_of_the_least_length_is_taken_and_an_old_short_one_may_be_a_fallback(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", LONG[: environment.SHORTEST_KEY])
    monkeypatch.setenv("SECRET_KEY_FALLBACKS", "short, another")
    read = environment.read()
    assert [each.get_secret_value() for each in read.secret_key_fallbacks] == ["short", "another"]


def fails(request: Any, key: str) -> HttpResponse:
    password = "-".join(("typed", "password"))  # noqa: F841  # in the locals of this frame
    address = project.REDIS_URL
    kept = {"deep": [{"address": address}], "url": SECRETS["EMAIL_URL"]}  # noqa: F841
    raise RuntimeError(f"cannot reach {address} with {SECRETS['DISCORD_TOKEN']} of {SECRETS['DATABASE_URL']}")


urlpatterns = [path("rooms/fails/<str:key>/", fails)]


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("accept", ["text/html", "text/plain"])
def test_no_error_page_shows_a_secret(known: Environment, settings: Any, debug: bool, accept: str) -> None:
    settings.ROOT_URLCONF = "tests.test_secrets"
    settings.DEBUG = debug
    settings.REDIS_URL = SECRETS["REDIS_URL"]
    settings.ANYTHING = {"known": known, "inside": [SECRETS["DATABASE_URL"]], "uri": SECRETS["REDIS_URL"]}
    settings.MORE = known.files_options
    visitor = tokens.issue().text
    client = Client(raise_request_exception=False)
    client.cookies["chatbridge_visitor"] = visitor
    client.cookies["sessionid"] = "session-key-of-somebody"
    headers = {"Authorization": "Bearer bearer-of-somebody", "Accept": accept}
    response = client.post(
        "/rooms/fails/key-in-the-path-0123456789/?key=key-in-the-query",
        {"password": "posted-password", "word": "said"},
        headers=headers,
    )
    page = response.content.decode()
    assert response.status_code == 500
    assert ("RuntimeError" in page) == debug
    hidden = [
        "typed-password",
        "posted-password",
        "key-in-the-query",
        "bearer-of-somebody",
        "session-key-of-somebody",
    ]
    assert shown(page) == []
    assert [each for each in (*hidden, visitor) if each in page] == []


def logged(message: str, *arguments: Any, failure: Exception | None = None) -> str:
    """The line as the site writes it."""
    record = logging.LogRecord("x", logging.ERROR, "x.py", 1, message, arguments, None)
    if failure is not None:
        try:
            raise failure
        except type(failure):
            record.exc_info = sys.exc_info()
    made = project.LOGGING["formatters"]["line"]
    assert made["()"] == "chatbridge_site.secrecy.Formatter"
    return secrecy.Formatter(made["format"], style="{").format(record)


@pytest.mark.parametrize("value", SECRETS.values())
def test_no_log_line_and_no_traceback_shows_a_secret(known: Environment, value: str) -> None:
    assert shown(logged("away: %r", value)) == []
    assert shown(logged("away: %s", value)) == []
    assert shown(logged("away", failure=OSError(f"connecting to {value}"))) == []
    assert "away" in logged("away: %s", value)


def test_what_is_known_by_its_shape_alone_is_hidden_too(known: Environment) -> None:
    said = {
        f"GET /files/1/?key={key_of(tokens.issue().visitor)}&v=1": "GET /files/1/?key=********&v=1",
        "GET /rooms/lobby/mJq0c3y7sQm2o4bXw1RrKg/ 200": "GET /rooms/lobby/********/ 200",
        "GET /rooms/lobby/ 200": "GET /rooms/lobby/ 200",
        f"a token {tokens.issue().text} here": "a token ******** here",
        "redis://user:pw@host:6379/0": "redis://user:********@host:6379/0",
        "Authorization: Bearer abc.def": "Authorization: Bearer ********",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": "whsec_********",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl": "eyJ********",
        "POST /services/email/stop/abcdefghijklmnopqrstuvwx234567/": "POST /services/email/stop/********/",
        "sessionid=abc; theme=dark": "sessionid=********; theme=dark",
        "chat at https://chat.example.com/?inbox=shop": "chat at https://chat.example.com/?inbox=shop",
        "17:03:12 9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d": "17:03:12 9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",
    }
    assert {text: secrecy.conceal(text) for text in said} == said


@pytest.mark.django_db
def test_a_token_of_staff_is_hidden_in_a_line(django_user_model: Any) -> None:
    from datetime import timedelta

    sam = django_user_model.objects.create_user("sam", password="secret", is_staff=True)
    token = staff_tokens.issue(sam, lasts=timedelta(days=1))
    assert secrecy.conceal(f"with {token}.") == "with staff.********."


@pytest.mark.parametrize(
    "text", ["a" * 50_000, "a-" * 50_000, "://" * 20_000, "staff." * 10_000, "?key" * 20_000]
)
def test_nobodys_text_makes_a_log_line_expensive(known: Environment, text: str) -> None:
    from time import process_time

    def cost(of: str) -> float:
        began = process_time()
        for _ in range(3):
            secrecy.conceal(of)
        return process_time() - began

    # Twice as long is about twice as much, not four times: a ratio with room for a busy machine.
    assert cost(text * 4) < 12 * cost(text) + 0.05


def test_servers_write_their_lines_through_it() -> None:
    loggers = project.LOGGING["loggers"]
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        assert loggers[name] == {"handlers": [], "propagate": True}


def test_daphnes_access_log_has_no_keys() -> None:
    from daphne.access import AccessLogGenerator

    servers.tame()
    stream = io.StringIO()
    details = {
        "client": "192.0.2.1:5",
        "method": "GET",
        "path": "/files/1/?key=abcdefghijk",
        "status": 200,
        "size": 1,
    }
    AccessLogGenerator(stream)("http", "complete", details)
    AccessLogGenerator(stream)("websocket", "connected", {"client": "c", "path": "/ws/?token=abcdefghijk"})
    assert "abcdefghijk" not in stream.getvalue()
    assert "GET /files/1/" in stream.getvalue()


@pytest.mark.django_db
def test_a_new_database_is_its_owners_alone_with_all_that_lies_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "db.sqlite3"
    database = DatabaseWrapper(_sqlite(file))
    with database.cursor() as cursor:
        cursor.execute("CREATE TABLE t (x)")
        cursor.execute("INSERT INTO t VALUES (1)")
        found = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    database.close()
    assert {"db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm"} <= found.keys()
    assert set(found.values()) == {0o600}


@pytest.mark.django_db
def test_a_database_that_was_there_stays_as_it_is_and_one_in_memory_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "db.sqlite3"
    sqlite3.connect(file).close()
    file.touch()
    file.chmod(0o640)
    for name in (file, ":memory:", "file:x?mode=memory"):
        database = DatabaseWrapper(_sqlite(name))
        database.connect()
        # Django's own `close` leaves one in memory open.
        database.connection.close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def _sqlite(name: object) -> dict[str, Any]:
    defaults = {
        "TIME_ZONE": None,
        "CONN_MAX_AGE": 0,
        "AUTOCOMMIT": True,
        "CONN_HEALTH_CHECKS": False,
        "TEST": {},
    }
    return {**defaults, "ENGINE": "bridge.infra.sqlite", "NAME": name, "OPTIONS": {}}


def test_a_folder_is_made_for_its_owner_and_one_that_was_there_is_left_alone(tmp_path: Path) -> None:
    environment.make_private(tmp_path / "a" / "var")
    assert stat.S_IMODE((tmp_path / "a" / "var").stat().st_mode) == 0o700
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o775)
    environment.make_private(shared)
    assert stat.S_IMODE(shared.stat().st_mode) == 0o775


@pytest.mark.parametrize(
    ("folder", "file", "name", "warned"),
    [
        (0o700, 0o600, "secret_key", False),
        (0o700, 0o644, "secret_key", False),
        (0o755, 0o600, "secret_key", True),
        (0o755, 0o644, "secret_key", True),
        (0o750, 0o640, "db.sqlite3", True),
        (0o755, 0o644, "db.sqlite3-wal", True),
        (0o755, 0o644, "admin_password", True),
        (0o755, 0o644, "somebody-elses.txt", False),
    ],
)
def test_a_check_names_what_others_can_look_into(
    tmp_path: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    folder: int,
    file: int,
    name: str,
    warned: bool,
) -> None:
    home = tmp_path / "var"
    home.mkdir()
    (home / name).write_bytes(b"x" * 5000)
    (home / name).chmod(file)
    home.chmod(folder)
    settings.VAR_DIR = home
    monkeypatch.setitem(project.DATABASES["default"], "NAME", str(home / "db.sqlite3"))
    monkeypatch.setitem(project.DATABASES["default"], "ENGINE", "bridge.infra.sqlite")
    found = list(check_private())
    assert bool(found) == warned
    if warned:
        assert str(home) in str(found[0].hint)
        assert (str(home / name) in str(found[0].hint)) == bool(file & 0o077)
