"""Connections, with whoever takes part in them, and their endpoints in services."""

import uuid
from typing import Any, ClassVar, NamedTuple

from django.db import connections, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from bridge.models.inboxes import WEB, Inbox


class Advance(NamedTuple):
    """What a transaction took: clients had revision `since`, the head is `revision` now."""

    since: int
    revision: int
    last_seq: int


class ConnectionQuerySet(models.QuerySet["Connection"]):
    def advance(self, pk: int, *, revisions: int = 1, messages: int = 0) -> Advance:
        """Take the next revisions and places, and with them the row's lock until the transaction ends.

        Always the first statement on a connection; several connections in key order. Unsorted
        transactions deadlocked 157 times in 240 forced races.
        """
        with connections[self.db].cursor() as cursor:
            cursor.execute(
                "UPDATE bridge_connection SET revision = revision + %s, last_seq = last_seq + %s"
                " WHERE id = %s RETURNING revision, last_seq",
                [revisions, messages, pk],
            )
            row = cursor.fetchone()
        if row is None:
            raise Connection.DoesNotExist(f"no connection {pk}")
        return Advance(since=row[0] - revisions, revision=row[0], last_seq=row[1])

    def lock(self, pk: int) -> None:
        """Take the row's lock without taking a revision: decide first, then `advance`."""
        self.advance(pk, revisions=0)


class Connection(models.Model):
    """One conversation, kept across the services that it connects."""

    class Kind(models.TextChoices):
        PRIVATE = "private"
        ROOM = "room"

    class State(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"

    class Access(models.TextChoices):
        OPEN = "open", "public: listed, for everyone"
        LINK = "link", "by link: not listed, for everyone who has its address"

    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    # Without an index of its own: connection_opened begins with it.
    inbox = models.ForeignKey(Inbox, on_delete=models.PROTECT, related_name="connections", db_index=False)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.PRIVATE)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    # Who this private conversation belongs to: the id inside the visitor's signed token. Never on the wire.
    visitor = models.UUIDField(null=True, editable=False)
    nick = models.CharField(max_length=32, blank=True)
    # Of a room: its address, what stands above it, and what visitors may do there.
    slug = models.SlugField(
        max_length=50,
        blank=True,
        db_index=False,
        help_text="The last part of its address, /rooms/…/, e.g. “harbour”",
    )
    name = models.CharField(max_length=80, blank=True)
    topic = models.CharField(max_length=300, blank=True)
    access = models.CharField(max_length=4, choices=Access.choices, default=Access.OPEN)
    # The part of a link room's address that nobody can guess.
    link_key = models.CharField(max_length=32, blank=True, editable=False)
    read_only = models.BooleanField(default=False, help_text="Only staff can write; visitors can read.")
    slow_mode = models.PositiveIntegerField(
        default=0, help_text="Seconds that a visitor has to wait between two messages. 0 means no limit."
    )
    revision = models.BigIntegerField(default=0)
    last_seq = models.BigIntegerField(default=0)
    page_url = models.CharField(max_length=1000, blank=True)
    page_title = models.CharField(max_length=200, blank=True)
    referrer = models.CharField(max_length=1000, blank=True)
    locale = models.CharField(max_length=35, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    # What the site's own code keeps of it: an order's number, a customer's plan. ChatBridge reads none of it.
    properties = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    active_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        constraints = [
            # Two tabs write their first message at once: one of them opens, the other finds it.
            models.UniqueConstraint(
                fields=["inbox", "visitor"],
                condition=Q(state="open", kind="private"),
                name="one_open_private_connection",
            ),
            # room.join and the room's page: by its address.
            models.UniqueConstraint(fields=["slug"], condition=~Q(slug=""), name="room_slug"),
        ]
        indexes = [
            # session.start, opening and a resend without `connection`: the visitor's own conversations, the open one.
            models.Index(fields=["visitor", "inbox", "state"], name="connection_visitor"),
            # connection.list and ping: those that have ended, latest activity first. Whoever writes writes in an open
            # one, which is not in it.
            models.Index(
                fields=["visitor", "inbox", "-active_at", "-id"],
                condition=Q(closed_at__isnull=False),
                name="connection_ended",
            ),
            # The few rooms among many private conversations: room.list, room.join and the rooms' pages.
            models.Index(fields=["kind", "inbox"], name="connection_kind"),
            # Before a conversation is opened: how many were, just now, in this inbox.
            models.Index(fields=["inbox", "created_at"], name="connection_opened"),
            # admin: the list, newest activity first. Its filters walk a stretch of it.
            models.Index(fields=["-active_at", "-id"], name="connection_active"),
        ]

    def __str__(self) -> str:
        return f"{self.title} {self.code}"

    @property
    def title(self) -> str:
        """What staff call it: a room by its name, a conversation by its visitor's nick."""
        return self.name or self.nick or self.kind

    @property
    def code(self) -> str:
        """A short name for people and thread titles. Not unique by contract; 32 bits of the uid."""
        return self.uid.hex[:8]

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN


class RoomManager(models.Manager["Room"]):
    def get_queryset(self) -> models.QuerySet["Room"]:
        return super().get_queryset().filter(kind=Connection.Kind.ROOM)


class Room(Connection):
    """A connection of kind `room`, as the admin lists and makes them."""

    objects: ClassVar[RoomManager] = RoomManager()  # type: ignore[assignment]  # narrower than all connections

    class Meta:
        proxy = True


class Endpoint(models.Model):
    """A connection's address in one service, and the line of deliveries that wait for it."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="endpoints")
    service = models.CharField(max_length=32)
    # NULL until it is opened; the id of the thread, as text so that any service fits.
    remote_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001  # unique: NULL is none
    # The type that the Python API was given it in, and gives it back in: "int", "UUID"; empty: as its service says.
    id_type = models.CharField(max_length=4, blank=True, editable=False)
    # The thread before this one, where that was deleted: its successor's card names it.
    predecessor_id = models.CharField(max_length=255, blank=True)
    # Everything up to this remote id has been taken in, without a hole. Moves forward only.
    watermark = models.BigIntegerField(null=True, blank=True)
    # The line. `due`: NULL when nothing waits, otherwise when to work it next, or until when a worker
    # holds it. `attempts` counts claims: whoever still has the number he claimed with holds the line.
    due = models.DateTimeField(null=True, blank=True)
    attempts = models.BigIntegerField(default=0)
    failures = models.IntegerField(default=0)
    # When the first of them was. NULL while all is well.
    failing_since = models.DateTimeField(null=True, blank=True)
    # The message over there that shows that the visitor has read up to it; empty while none does.
    read_mark = models.CharField(max_length=64, blank=True)
    # When what its card says of the visitor was last changed; NULL while it says what was known when it was sent.
    card_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Why nothing moves, for staff: empty while it does.
    trouble = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            # From a thread to its endpoint, for every gateway event.
            models.UniqueConstraint(fields=["service", "remote_id"], name="endpoint_remote"),
        ]
        indexes = [
            # A worker's poll: which lines are due. Only those that wait are in it.
            models.Index(fields=["service", "due"], condition=Q(due__isnull=False), name="endpoint_due"),
            # admin: the held lines, newest first. Empty while all is well.
            models.Index(fields=["-id"], condition=~Q(trouble=""), name="endpoint_trouble"),
        ]

    def __str__(self) -> str:
        return f"{self.service}:{self.remote_id or '(not opened)'}"


class PrefixIndex(models.Index):
    """An index by which a search for the beginning of a text finds its rows.

    PostgreSQL uses it for LIKE 'x%' under any collation only with this operator class.
    """

    def create_sql(
        self,
        model: type[models.Model],
        schema_editor: BaseDatabaseSchemaEditor,
        using: str = "",
        **kwargs: Any,
    ) -> Statement:
        statement = super().create_sql(model, schema_editor, using=using, **kwargs)
        if schema_editor.connection.vendor == "postgresql":
            statement.template = statement.template.replace("%(columns)s", "%(columns)s text_pattern_ops")
        return statement


class Participant(models.Model):
    """Somebody in a connection: a visitor, staff, or the system."""

    class Role(models.TextChoices):
        VISITOR = "visitor"
        STAFF = "staff"

    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="participants")
    role = models.CharField(max_length=8, choices=Role.choices)
    service = models.CharField(max_length=32, default=WEB)
    visitor = models.UUIDField(null=True, editable=False)
    # Their id inside the service that they speak from.
    remote_id = models.CharField(max_length=255, blank=True)
    nick = models.CharField(max_length=80)
    # What nicks that look alike have in common (`bridge.text.lookalikes`): of visitors in rooms, and of staff.
    nick_key = models.CharField(max_length=255, blank=True, editable=False)
    avatar = models.CharField(max_length=300, blank=True)
    # “#rrggbb”, of his role over there; empty for none.
    colour = models.CharField(max_length=7, blank=True)
    # Until then he may not write here: staff said so.
    muted_until = models.DateTimeField(null=True, blank=True)
    # When he last wrote in a room with slow mode.
    spoke_at = models.DateTimeField(null=True)
    read_seq = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # His own participant, looked up when a session starts or a conversation opens.
            models.UniqueConstraint(
                fields=["connection", "visitor"],
                condition=Q(visitor__isnull=False),
                name="participant_visitor",
            ),
            # The author of an incoming message.
            models.UniqueConstraint(
                fields=["connection", "service", "remote_id"],
                condition=~Q(remote_id=""),
                name="participant_remote",
            ),
            # A nick is one person's in a room, also where two take it at once.
            models.UniqueConstraint(
                fields=["connection", "nick_key"],
                condition=Q(role="visitor") & ~Q(nick_key=""),
                name="participant_nick_key",
            ),
        ]
        indexes = [
            # admin: search by nick (prefix).
            PrefixIndex(Lower("nick"), name="participant_nick"),
            # Joining and renaming: whether somebody of staff, or in the room, has this name. Not partial, since
            # SQLite does not see that a parameter fits the condition.
            models.Index(fields=["nick_key"], name="participant_look"),
            # Every web process, every two seconds: who may not write just now.
            models.Index(
                fields=["muted_until"], condition=Q(muted_until__isnull=False), name="participant_muted"
            ),
        ]

    def __str__(self) -> str:
        return self.nick
