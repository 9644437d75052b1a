"""Settings: the documented table is the code's, mistakes end in one sentence, defaults are safe."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from chatbridge_site import environment
from chatbridge_site.environment import BASE_DIR, Environment

CODE = "from django.conf import settings; print(settings.{name})"


def start(*, show: str = "DEBUG", **variables: str) -> "subprocess.CompletedProcess[str]":
    """A fresh process that reads the settings in an environment of these variables only."""
    return subprocess.run(
        [sys.executable, "-c", CODE.format(name=show)],
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "chatbridge_site.settings",
            "ENV_FILE": "",
            "VAR_DIR": os.environ["VAR_DIR"],
            **variables,
        },
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
    )


def table() -> list[str]:
    rows = []
    for name, field in Environment.model_fields.items():
        default = field.default
        if isinstance(default, SecretStr):
            default = default.get_secret_value()
        if isinstance(default, Path):
            default = f"{default.relative_to(BASE_DIR)}/"
        shown = (
            "" if default in ("", None, []) else f"`{int(default) if isinstance(default, bool) else default}`"
        )
        rows.append(f"| `{name.upper()}` | {shown} | {field.description} |")
    return rows


def test_the_documented_table_is_what_the_code_reads() -> None:
    text = (BASE_DIR / "docs/settings.md").read_text(encoding="utf-8")
    documented = [line.replace("| |", "|  |") for line in text.splitlines() if line.startswith("| `")]
    assert documented == table(), "docs/settings.md should have:\n" + "\n".join(table())


def test_the_example_names_only_variables_that_exist() -> None:
    lines = (BASE_DIR / ".env.example").read_text(encoding="utf-8").splitlines()
    named = {
        line.lstrip("#").partition("=")[0] for line in lines if "=" in line and not line.startswith("# ")
    }
    assert named <= {name.upper() for name in Environment.model_fields}
    assert "DISCORD_TOKEN" in named


def test_no_secret_key_no_start_and_one_sentence_says_why() -> None:
    ended = start()
    assert ended.returncode == 1
    assert ended.stderr.startswith("SECRET_KEY is not set")
    assert len(ended.stderr.splitlines()) == 1


def test_debug_is_off_unless_asked_for() -> None:
    assert start(SECRET_KEY="k" * 50).stdout == "False\n"
    assert start(SECRET_KEY="k" * 50, show="SECURE_SSL_REDIRECT").stdout == "True\n"


def test_with_debug_a_key_is_made_once_and_kept_for_its_owner(tmp_path: Path) -> None:
    first = start(DEBUG="1", VAR_DIR=str(tmp_path), show="SECRET_KEY")
    again = start(DEBUG="1", VAR_DIR=str(tmp_path), show="SECRET_KEY")
    assert len(first.stdout) > 50
    assert again.stdout == first.stdout
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob(".secret_key*"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "perhaps"),
        ("DISCORD_CHANNEL_ID", "general"),
        ("DISCORD_API_URL", "discord.com/api"),
        ("DISCORD_GATEWAY_URL", "https://gateway.discord.gg"),
        ("TRUSTED_PROXIES", "-1"),
        ("LOG_LEVEL", "LOUD"),
        ("WEBHOOK_ALLOWED_NETWORKS", "10.1.0.0/16, intranet"),
        ("DATABASE_URL", "mysql://localhost/chat"),
        ("REDIS_URL", "localhost:6379"),
        ("EMAIL_URL", "mail.example.com"),
        ("EMAIL_URL", "https://mail.example.com"),
        ("EMAIL_URL", "smtp://"),
        ("EMAIL_URL", "smtp://mail.example.com:postal"),
    ],
)
def test_a_wrong_value_ends_in_one_sentence_that_names_the_variable(name: str, value: str) -> None:
    ended = start(**{"SECRET_KEY": "k" * 50, name: value})
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{name} is wrong")
    assert len(ended.stderr.splitlines()) == 1


def test_a_wrong_value_is_not_repeated_since_it_may_be_a_secret() -> None:
    ended = start(SECRET_KEY="k" * 50, DATABASE_URL="mysql://me:hunter2@localhost/chat")
    assert "hunter2" not in ended.stderr


@pytest.mark.parametrize(
    ("url", "port", "tls", "ssl"),
    [
        ("smtp://mail.example.com", 25, False, False),
        ("smtp+tls://chat%40example.com:p%2Fw@mail.example.com", 587, True, False),
        ("smtps://chat%40example.com:p%2Fw@mail.example.com:4465", 4465, False, True),
    ],
)
def test_a_mail_servers_address_says_all_of_it(url: str, port: int, *, tls: bool, ssl: bool) -> None:
    from chatbridge_site.environment import mail_server

    found = mail_server(url)
    assert (found["host"], found["port"]) == ("mail.example.com", port)
    assert (found["use_tls"], found["use_ssl"]) == (tls, ssl)
    if "@" in url:
        assert (found["username"], found["password"]) == ("chat@example.com", "p/w")


def test_an_env_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text(f"SECRET_KEY={'f' * 50}\nALLOWED_HOSTS=a.example, b.example\nSOMETHING_ELSE=1\n")
    assert start(ENV_FILE=str(file), show="ALLOWED_HOSTS").stdout == "['a.example', 'b.example']\n"
    assert (
        start(ENV_FILE=str(file), ALLOWED_HOSTS="c.example", show="ALLOWED_HOSTS").stdout == "['c.example']\n"
    )


def test_sqlite_comes_with_our_own_engine() -> None:
    from chatbridge_site.settings import database

    made = database("sqlite:////somewhere/db", var_dir=Path("/elsewhere"))
    assert (made["ENGINE"], made["NAME"]) == ("bridge.infra.sqlite", "/somewhere/db")
    assert database("", var_dir=Path("/elsewhere"))["ENGINE"] == "bridge.infra.sqlite"


def test_postgresql_has_a_pool_and_waits_for_locks_but_not_for_those_of_a_hung_process() -> None:
    from chatbridge_site.settings import database

    made = database("postgres://me:secret@db.example/chat?options=-c%20jit%3Doff", var_dir=Path("/somewhere"))
    assert made["ENGINE"] == "django.db.backends.postgresql"
    assert made["HOST"] == "db.example"
    limits = "-c lock_timeout=5s -c idle_in_transaction_session_timeout=10s"
    assert made["OPTIONS"]["options"] == f"-c jit=off {limits}"
    assert made["OPTIONS"]["pool"]


def test_a_pooler_is_asked_for_nothing_that_outlives_a_transaction() -> None:
    from chatbridge_site.settings import database

    made = database("postgres://me:secret@db.example:6432/chat", var_dir=Path("/somewhere"), pooler=True)
    assert "options" not in made["OPTIONS"]
    assert made["OPTIONS"]["prepare_threshold"] is None
    assert made["DISABLE_SERVER_SIDE_CURSORS"]
    # What its address asks for is its owner's choice.
    url = "postgres://me:secret@db.example/chat?options=endpoint%3Dmine"
    assert database(url, var_dir=Path("/somewhere"), pooler=True)["OPTIONS"]["options"] == "endpoint=mine"


def test_two_starts_at_once_agree_on_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other process links its key between our look and our link."""
    path = tmp_path / "secret_key"

    def link_too_late(draft: Path, target: Path) -> None:
        target.write_text("theirs")
        raise FileExistsError

    monkeypatch.setattr(os, "link", link_too_late)
    made = Environment(debug=True, secret_key=SecretStr(""), var_dir=tmp_path, _env_file=None)
    assert environment.secret_key(made) == "theirs"
    assert list(tmp_path.iterdir()) == [path]
