"""What is wrong with a command or event is said when it is declared: where, what, and what to do."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from pydantic import BaseModel

from bridge.extend import (
    CommandGroup,
    Connection,
    From,
    Message,
    Payload,
    Row,
    Session,
    Uuid,
    anyone,
    participant,
    started,
)
from bridge.infra.limits import THROTTLES, Limit, Throttle, parse
from bridge.live import groups
from chatbridge_site.environment import BASE_DIR
from tests.shop_app.models import Order

if TYPE_CHECKING:
    from datetime import datetime


@pytest.fixture(autouse=True)
def _nothing_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test declares is gone after it."""
    for name in ("entries", "events", "THROTTLES"):
        monkeypatch.setattr(groups, name, dict(getattr(groups, name)))


class Numbered(Payload):
    number: str


class Reply(BaseModel):
    state: str


class Plain(BaseModel):
    number: str


class Opaque(Payload):
    how: Callable[[int], int]


group = CommandGroup("cart")


def refused(function: Any, name: str = "status", of: CommandGroup = group, **guards: Any) -> str:
    """What is said of it."""
    guards = {"permission": started, "throttle": "5/minute"} | guards
    with pytest.raises(ImproperlyConfigured) as error:
        of.command(name, **guards)(function)
    return str(error.value)


def here(name: str) -> str:
    return f"tests.live.test_groups.{name}: "


async def fits(session: Session, payload: Numbered) -> Reply:
    return Reply(state="packed")


def test_what_fits_stays_the_function_that_it_was() -> None:
    assert group.command("status", permission=started, throttle="5/minute")(fits) is fits
    assert groups.entries["cart.status"].payload is Numbered
    assert groups.entries["cart.status"].reply is Reply


def test_two_commands_of_one_name() -> None:
    async def other(session: Session, payload: Numbered) -> Reply:
        return Reply(state="")

    group.command("status", permission=started, throttle="5/minute")(fits)
    said = refused(other)
    assert said.startswith(
        "tests.live.test_groups.test_two_commands_of_one_name.<locals>.other: cart.status is already the name of "
    )
    assert said.endswith("tests.live.test_groups.fits. Rename one of the two.")
    # Also where two apps have a group of one prefix.
    assert "already the name of tests.live.test_groups.fits" in refused(other, of=CommandGroup("cart"))


def plain(session: Session, payload: Numbered) -> Reply:
    return Reply(state="")


def test_a_function_that_is_not_async() -> None:
    assert refused(plain) == here("plain") + "it is not async. Write async def plain(…)."


async def test_what_asgiref_makes_async_is_async() -> None:
    """A command, its permission and what it depends on; on Python 3.11 `inspect` takes none of them for that."""

    def may(session: Session, payload: Numbered) -> None:
        """Everybody."""

    def state_of(payload: Numbered) -> str:
        return f"{payload.number} is packed"

    def status(payload: Numbered, state: Annotated[str, From(sync_to_async(state_of))]) -> Reply:
        return Reply(state=state)

    group.command("status", permission=sync_to_async(may), throttle="5/minute")(sync_to_async(status))
    session: Any = None
    reply = await groups.entries["cart.status"].call(session, Numbered(number="7"))
    assert reply == Reply(state="7 is packed")


async def bare(session, payload: Numbered) -> Reply:  # type: ignore[no-untyped-def]
    return Reply(state="")


async def no_return(session: Session, payload: Numbered):  # type: ignore[no-untyped-def]
    return Reply(state="")


async def strange(session: Session, payload: Numbered, color: int) -> Reply:
    return Reply(state="")


async def two_payloads(one: Numbered, other: Opaque) -> Reply:
    return Reply(state="")


async def of_any_number(*several: Session) -> Reply:
    return Reply(state="")


async def unread(session: Session, when: "datetime") -> Reply:
    return Reply(state="")


KINDS = "The supported annotations are Session, a subclass of Payload, Connection, Participant, Message, Contact, "
KINDS += "Annotated[<model>, Row(…)] and Annotated[<type>, From(<function>)]."


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (bare, f"its parameter session has no annotation. {KINDS}"),
        (no_return, "its return value has no annotation. Annotate it: -> <a pydantic model>, or -> None."),
        (strange, f"its parameter color is annotated with int, which is not supported. {KINDS}"),
        (two_payloads, "it has two payloads. Put the fields of both into one payload."),
        (
            of_any_number,
            "its parameter *several: bridge.live.sessions.Session cannot be passed by name. "
            "Write a separate parameter for each argument.",
        ),
        (
            unread,
            "an annotation cannot be evaluated: name 'datetime' is not defined. "
            "Import this name at the top of the module, not under `if TYPE_CHECKING`.",
        ),
    ],
)
def test_an_annotation_that_is_missing_or_wrong(function: Any, said: str) -> None:
    assert refused(function) == here(function.__name__) + said


def test_a_payload_that_is_no_payload() -> None:
    async def status(session: Session, payload: Plain) -> Reply:
        return Reply(state="")

    assert "its parameter payload is annotated with Plain, which is not supported" in refused(status)


def test_a_command_without_permission() -> None:
    mend = (
        "Specify who may use it: permission=anyone, another one of bridge.extend, or your own async function."
    )
    assert refused(fits, permission=None) == (
        here("fits") + f"the command cart.status has no permission. {mend}"
    )
    assert refused(fits, permission=lambda session, payload: None) == (
        here("fits") + f"its permission is not async. {mend}"
    )
    with pytest.raises(ImproperlyConfigured, match="has no permission"):
        group.command("status", throttle="5/minute")(fits)


@pytest.mark.parametrize(
    "throttle", ["5/fortnight", "five/minute", "0/minute", "-1/minute", "5", "", "nothing"]
)
def test_a_throttle_that_is_none(throttle: str) -> None:
    said = refused(fits, throttle=throttle)
    assert said.startswith(
        here("fits") + f"there is no throttle {throttle!r}. Specify how often one visitor may use it: "
    )
    assert 'throttle="5/minute" (or second, minute, hour, day), or one of session, message, ' in said


def test_a_command_without_throttle() -> None:
    assert "the command cart.status has no throttle. Specify how often" in refused(fits, throttle=None)


def test_a_throttle_is_the_commands_own_and_wider_for_an_address() -> None:
    group.command("status", permission=started, throttle="5/minute")(fits)
    assert groups.entries["cart.status"].throttle == "cart.status"
    assert groups.THROTTLES["cart.status"] == Throttle(visitor=Limit(5, 60), address=Limit(50, 60))
    assert parse("2/day").visitor == Limit(2, 86400)
    group.command("read", permission=started, throttle="read")(fits)
    assert groups.entries["cart.read"].throttle == "read"
    assert "cart.status" not in THROTTLES


@pytest.mark.parametrize("prefix", ["", "Cart", "cart.item", "1cart", "cärt", "my cart"])
def test_a_prefix_that_is_none(prefix: str) -> None:
    assert refused(fits, of=CommandGroup(prefix)) == here("fits") + (
        f"the prefix {prefix!r} of its group is not valid. "
        'A prefix is one word of lower-case letters, digits and underscores: CommandGroup("order").'
    )


@pytest.mark.parametrize("prefix", sorted(groups.RESERVED))
def test_a_prefix_that_is_ours(prefix: str) -> None:
    said = f"the prefix {prefix!r} is reserved for ChatBridge. Choose another prefix for this group."
    assert refused(fits, of=CommandGroup(prefix)) == here("fits") + said
    with pytest.raises(ImproperlyConfigured, match="is reserved for ChatBridge"):
        CommandGroup(prefix).event("shipped", Reply)


def test_every_prefix_of_ours_is_reserved() -> None:
    from bridge.live.registry import entries
    from bridge.protocol.events import EVENTS

    ours = {name.partition(".")[0] for name, entry in entries.items() if entry.is_ours and "." in name}
    assert ours | {name.partition(".")[0] for name in EVENTS} <= groups.RESERVED


@pytest.mark.parametrize("name", ["", "Status", "order.status", "the state", "x" * 60])
def test_a_name_that_is_none(name: str) -> None:
    assert refused(fits, name) == here("fits") + (
        f"{'cart.' + name!r} is not a valid name. After the prefix, write one word of lower-case letters, digits and "
        "underscores, with at most 64 characters in all."
    )


def test_a_decorator_without_its_brackets() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"Write @group\.command\(\"<name>\", permission=…"):
        group.command(fits)(fits)  # type: ignore[arg-type]


def test_a_payload_that_cannot_be_described() -> None:
    async def status(session: Session, payload: Opaque) -> Reply:
        return Reply(state="")

    said = refused(status)
    assert "its payload Opaque cannot be described in JSON: Cannot generate a JsonSchema" in said
    assert said.endswith("Give its fields types that JSON can represent.")


def test_a_reply_that_cannot_be_described() -> None:
    async def text(session: Session, payload: Numbered) -> str:
        return ""

    async def opaque(session: Session, payload: Numbered) -> Opaque:
        raise NotImplementedError

    assert refused(text).endswith(
        "it returns str, which is not a JSON object. "
        "Return a pydantic model, a TypedDict or None, and annotate the function with it."
    )
    assert "its reply Opaque cannot be described" in refused(opaque)


def test_an_event_that_does_not_fit() -> None:
    with pytest.raises(
        ImproperlyConfigured, match=r"str: the payload of the event cart\.gone is not a pydantic model"
    ):
        group.event("gone", str)  # type: ignore[type-var]
    with pytest.raises(
        ImproperlyConfigured, match=r"the payload of the event cart\.gone cannot be described"
    ):
        group.event("gone", Opaque)
    with pytest.raises(ImproperlyConfigured, match=r"'cart\.GONE' is not a valid name"):
        group.event("GONE", Reply)
    group.event("gone", Reply)
    with pytest.raises(
        ImproperlyConfigured, match=r"cart\.gone is already the name of tests\.live\.test_groups\.Reply"
    ):
        group.event("gone", Reply)


def test_a_row_that_cannot_be_found() -> None:
    async def no_field(payload: Numbered, order: Annotated[Order, Row("order")]) -> None: ...

    async def no_model(payload: Numbered, order: Annotated[Reply, Row("number")]) -> None: ...

    async def not_unique(payload: Numbered, order: Annotated[Order, Row("number", by="state")]) -> None: ...

    async def no_column(payload: Numbered, order: Annotated[Order, Row("number", by="nothing")]) -> None: ...

    assert "needs the payload's field order, which Numbered does not have. Add order: " in refused(no_field)
    assert "asks for a row of Reply, which is not a model. Write order: Annotated[<model>" in refused(
        no_model
    )
    for function, field in ((not_unique, "state"), (no_column, "nothing")):
        said = refused(function)
        assert (
            f'by Order.{field}, which is not a unique field. Name a unique field: Row("number", by="<field>")'
            in said
        )


def test_a_message_that_the_payload_does_not_name() -> None:
    async def about(payload: Numbered, message: Message) -> None: ...

    assert refused(about).endswith(
        "its parameter message needs the payload's field message, which Numbered does not have. "
        "Add message: Uuid to Numbered."
    )


def test_a_function_that_is_asked_and_does_not_fit() -> None:
    def of_number(payload: Numbered, color: int) -> str:
        return payload.number

    async def status(payload: Numbered, found: Annotated[str, From(of_number)]) -> None: ...

    async def no_payload(found: Annotated[str, From(own_number)]) -> None: ...

    said = refused(status)
    assert "its dependency of_number cannot be called: its parameter color is annotated with int" in said
    assert (
        "its dependency own_number cannot be called: its parameter payload is annotated with Numbered, but"
        in (refused(no_payload))
    )


def own_number(payload: Numbered) -> str:
    return payload.number


def test_what_other_apps_may_write() -> None:
    """Each of these is accepted: keyword-only parameters, no payload, none of the session, a payload's base class."""

    class More(Numbered):
        connection: Uuid | None = None

    async def keywords(session: Session, *, payload: Numbered) -> Reply:
        return Reply(state="")

    async def nothing() -> None: ...

    async def base(
        payload: More, connection: Connection, found: Annotated[str, From(own_number)]
    ) -> None: ...

    async def by_pk(payload: Numbered, order: Annotated[Order, Row("number", by="pk")]) -> None: ...

    for number, function in enumerate((keywords, nothing, base, by_pk)):
        group.command(f"a{number}", permission=participant, throttle="read")(function)
    assert groups.entries["cart.a1"].payload.model_fields == {}
    assert groups.entries["cart.a2"].payload is More


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            '@group.command("status", permission=anyone, throttle="1/day")\ndef status() -> None: ...',
            "nosuchshop.bridge_commands.status: it is not async. Write async def status(…).",
        ),
        ("import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
    ],
)
def test_manage_py_check_tells_of_it(tmp_path: Path, lines: str, said: str) -> None:
    app = tmp_path / "nosuchshop"
    app.mkdir()
    (app / "__init__.py").write_text("")
    (app / "bridge_commands.py").write_text(
        f'from bridge.extend import CommandGroup, anyone\ngroup = CommandGroup("cart")\n{lines}\n'
    )
    (tmp_path / "its_settings.py").write_text(
        "from tests.settings import *\nINSTALLED_APPS = [*INSTALLED_APPS, 'nosuchshop']\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "django", "check"],
        env={
            "PYTHONPATH": f"{tmp_path}:{BASE_DIR}",
            "DJANGO_SETTINGS_MODULE": "its_settings",
            "PATH": "/usr/bin",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert done.stderr.strip().splitlines()[-1].endswith(said)


@pytest.mark.parametrize(
    ("deprecated", "warning"),
    [
        (True, "cart.old is deprecated"),
        ("use cart.new", "cart.old is deprecated: use cart.new"),
        (False, ""),
        ("", ""),
    ],
)
def test_a_deprecated_command_warns_in_words(deprecated: bool | str, warning: str) -> None:
    group = CommandGroup("cart")

    @group.command("old", permission=anyone, throttle="read", deprecated=deprecated)
    async def old() -> None: ...

    assert groups.entries["cart.old"].warning == warning


@pytest.mark.parametrize("deprecated", [None, 1, ["use cart.new"]])
def test_a_deprecation_that_is_no_words_is_refused(deprecated: object) -> None:
    with pytest.raises(ImproperlyConfigured, match="deprecated=True or"):

        @CommandGroup("cart").command("old", permission=anyone, throttle="read", deprecated=deprecated)  # type: ignore[arg-type]
        async def old() -> None: ...
