"""Checks of what a page shows in other languages than Python."""

import io
import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import urlsplit

import dotenv
from daphne.cli import CommandLineInterface
from django.core.management import CommandError, get_commands, load_command_class
from django.template import engines
from django.urls import resolve
from django.utils.module_loading import import_string
from jsonschema import Draft202012Validator
from playwright._impl._driver import compute_driver_executable
from uvicorn import main as uvicorn_command

from bridge import schemas
from bridge.http.door import nowhere
from bridge.protocol import MAX_FRAME
from chatbridge_site.environment import BASE_DIR, Environment
from tests.snippets.reading import Snippet

# ------------------------------------------------------------------ json


def check_json(snippet: Snippet) -> None:
    """One value, or several after each other. What is a frame of the protocol must be one as it is written."""
    for value in _values(snippet.text):
        if isinstance(value, dict) and (kinds := {"command", "reply", "event"} & set(value)):
            _check_frame(value, kind=kinds.pop())


def _values(text: str) -> Iterator[Any]:
    decoder, at = json.JSONDecoder(), 0
    while rest := text[at:].lstrip():
        at = len(text) - len(rest)
        value, at = decoder.raw_decode(text, at)
        yield value


def _check_frame(frame: dict[str, Any], *, kind: str) -> None:
    schema = schemas.schema(schemas.everything())
    if kind == "reply":
        # It does not say which command it answers: there must be one that is answered so.
        names = [name for name in schema["$defs"] if name.startswith("reply:")]
    else:
        names = [f"{kind}:{frame[kind]}"]
    tried = {
        name: [error.message for error in Draft202012Validator(_only(name, schema)).iter_errors(frame)]
        for name in names
    }
    assert not all(tried.values()), f"no {kind} is like this: {min(tried.values(), key=len)}"


def _only(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    assert name in schema["$defs"], f"the protocol has no {name}"
    return {"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]}


# ---------------------------------------------------------- environment


def check_environment(snippet: Snippet) -> None:
    """Lines of a `.env`: variables that there are, with values that would be taken."""
    found = dotenv.dotenv_values(stream=io.StringIO(snippet.text))
    unknown = [name for name in found if name.lower() not in Environment.model_fields]
    assert not unknown, f"there is no setting {', '.join(unknown)}"
    values = {name.lower(): value for name, value in found.items()}
    for name in ("files_options",):
        if name in values:
            values[name] = json.loads(values[name] or "")
    Environment(_env_file=None, **values)


# ---------------------------------------------------------------- pages


def check_template(snippet: Snippet) -> None:
    """A Django template, or plain HTML: it compiles, with the tags and filters that it loads."""
    engines["django"].from_string(snippet.text)


def check_javascript(snippet: Snippet) -> None:
    """It parses as a module: the browsers' library of the tests brings a node for that."""
    node, _ = compute_driver_executable()
    with NamedTemporaryFile("w", suffix=".mjs", encoding="utf-8") as file:
        file.write(snippet.text)
        file.flush()
        done = subprocess.run([node, "--check", file.name], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def check_http(snippet: Snippet) -> None:
    """Requests and answers: the address exists, a body of JSON is JSON."""
    for part in re.split(r"\n\n(?=HTTP/|[A-Z]+ /)", snippet.text.strip()):
        head, _, body = part.partition("\n\n")
        first, *headers = head.splitlines()
        if not first.startswith("HTTP/"):
            resolve(urlsplit(first.split()[1]).path)
        if any(re.fullmatch(r"(?i)content-type: application/json", header) for header in headers) and body:
            json.loads(body)


# ---------------------------------------------------------------- shell


def check_shell(snippet: Snippet) -> None:
    """It parses, and each line calls a program, with arguments, that there are."""
    subprocess.run(["bash", "-n"], input=snippet.text, text=True, check=True)
    lines = snippet.text.replace("\\\n", " ").splitlines()
    for line in lines:
        words = shlex.split(line, comments=True)
        if ">" in words:
            words = words[: words.index(">")]
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        if words:
            _check_call(words)


def _check_call(words: list[str]) -> None:
    program, *rest = words
    if program.rpartition("/")[2].startswith("python"):
        if rest[:1] == ["-m"]:
            program, *rest = rest[1:]
        else:
            program, *rest = rest
    program = program.rpartition("/")[2]
    assert program in PROGRAMS, f"nobody here knows the program {program}"
    PROGRAMS[program](rest)


def _check_make(rest: list[str]) -> None:
    targets = re.findall(r"^([a-z-]+):", (BASE_DIR / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = {word for word in rest if "=" not in word}
    assert named <= set(targets), f"make has no {named - set(targets)}"


def _check_manage(rest: list[str]) -> None:
    name, *arguments = rest
    if any(BASE_DIR.glob(f"examples/*/*/management/commands/{name}.py")):
        return  # of an example's, which is another project
    commands = get_commands()
    assert name in commands, f"manage.py has no {name}"
    app = commands[name]
    command = load_command_class(app, name) if isinstance(app, str) else app
    parser = command.create_parser("manage.py", name)
    try:
        parser.parse_args(arguments)
    except CommandError:
        raise AssertionError(f"manage.py {name} does not take {shlex.join(arguments)}") from None


def _check_uvicorn(rest: list[str]) -> None:
    application = next(word for word in rest if ":" in word)
    given = uvicorn_command.make_context("uvicorn", list(rest)).params
    # Of itself it takes messages of 16 MiB into memory, and keeps 34 KiB for each socket.
    assert given["ws_max_size"] == MAX_FRAME, f"it needs --ws-max-size {MAX_FRAME}"
    assert not given["ws_per_message_deflate"], "it needs --ws-per-message-deflate false"
    _check_application(application)


def _check_daphne(rest: list[str]) -> None:
    _check_application(CommandLineInterface().parser.parse_args(rest).application)


def _check_application(named: str) -> None:
    if named.startswith("chatbridge_site."):
        import_string(named.replace(":", "."))


def _check_curl(rest: list[str]) -> None:
    (address,) = [word for word in rest if re.match(r"https?://", word)]
    if resolve(urlsplit(address).path).func is nowhere:
        raise AssertionError(f"the HTTP API has nothing at {address}")
    bodies = [word for flag, word in pairwise(rest) if flag in {"-d", "--data", "--json"}]
    for body in bodies:
        json.loads(body)


def _check_nothing(rest: list[str]) -> None:
    """What every machine has. Whether it does what the page says, only a reader can tell."""


PROGRAMS: dict[str, Callable[[list[str]], None]] = {
    "make": _check_make,
    "manage.py": _check_manage,
    "uvicorn": _check_uvicorn,
    "daphne": _check_daphne,
    "curl": _check_curl,
    **dict.fromkeys(["pip", "venv", "cd", "mkdir", "cp", "git", "export", "source", "."], _check_nothing),
}

CHECKS: dict[str, Callable[[Snippet], None]] = {
    "json": check_json,
    "ini": check_environment,
    "html": check_template,
    "js": check_javascript,
    "http": check_http,
    "sh": check_shell,
    # tests/process/test_behind_nginx.py runs it.
    "nginx": lambda snippet: None,
    "text": lambda snippet: None,
}
"""By the language of the fence. `text` is for pictures made of letters."""
