"""Connections, their participants and their endpoints in services."""

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
    """The revisions that a transaction took: clients had `since`, and the head is now `revision`."""

    since: int
    revision: int
    last_seq: int


class ConnectionQuerySet(models.QuerySet["Connection"]):
    def advance(self, pk: int, *, revisions: int = 1, messages: int = 0) -> Advance:
        """Take the next revisions and positions, and the row's lock until the transaction ends.

        This is always the first statement on a connection. Several connections are locked in the order of their keys:
        in 240 forced races, unsorted transactions deadlocked 157 times.
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
        """Take the row's lock without taking a revision, for an action that must decide before it calls `advance`."""
        self.advance(pk, revisions=0)


class Connection(models.Model):
    """A conversation, across the services that it connects."""

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
    # No index of its own: connection_opened begins with this column.
    inbox = models.ForeignKey(Inbox, on_delete=models.PROTECT, related_name="connections", db_index=False)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.PRIVATE)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    # The owner of a private conversation: the id in the visitor's signed token. Never sent to clients.
    visitor = models.UUIDField(null=True, editable=False)
    nick = models.CharField(max_length=32, blank=True)
    # For rooms only: the address, what is displayed above the messages, and what visitors may do.
    slug = models.SlugField(
        max_length=50,
        blank=True,
        db_index=False,
        help_text="The last part of its address, /rooms/…/, e.g. “harbour”",
    )
    name = models.CharField(max_length=80, blank=True)
    topic = models.CharField(max_length=300, blank=True)
    access = models.CharField(max_length=4, choices=Access.choices, default=Access.OPEN)
    # The unguessable part of a link room's address.
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
    # Data of the site's own code, e.g. an order number or a customer's plan. ChatBridge does not use it.
    properties = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    active_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        constraints = [
            # If two tabs send their first message at once, one opens the conversation and the other finds it.
            models.UniqueConstraint(
                fields=["inbox", "visitor"],
                condition=Q(state="open", kind="private"),
                name="one_open_private_connection",
            ),
            # room.join and the room's page: find a room by its address.
            models.UniqueConstraint(fields=["slug"], condition=~Q(slug=""), name="room_slug"),
        ]
        indexes = [
            # session.start, openings and resends without `connection`: the visitor's conversations, or the open one.
            models.Index(fields=["visitor", "inbox", "state"], name="connection_visitor"),
            # connection.list and ping: conversations that have ended, latest activity first. Messages are written in
            # open conversations, which are not in this index.
            models.Index(
                fields=["visitor", "inbox", "-active_at", "-id"],
                condition=Q(closed_at__isnull=False),
                name="connection_ended",
            ),
            # room.list, room.join and the rooms' pages: the few rooms among many private conversations.
            models.Index(fields=["kind", "inbox"], name="connection_kind"),
            # Before a conversation is opened: how many were opened recently in this inbox.
            models.Index(fields=["inbox", "created_at"], name="connection_opened"),
            # admin: the list, latest activity first. Its filters read a part of this index.
            models.Index(fields=["-active_at", "-id"], name="connection_active"),
        ]

    def __str__(self) -> str:
        return f"{self.title} {self.code}"

    @property
    def title(self) -> str:
        """Its title for staff: the name of a room, or the nick of a conversation's visitor."""
        return self.name or self.nick or self.kind

    @property
    def code(self) -> str:
        """A short name for people and thread titles: 32 bits of the uid, not guaranteed to be unique."""
        return self.uid.hex[:8]

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN


class RoomManager(models.Manager["Room"]):
    def get_queryset(self) -> models.QuerySet["Room"]:
        return super().get_queryset().filter(kind=Connection.Kind.ROOM)


class Room(Connection):
    """A connection of kind `room`, for the admin."""

    objects: ClassVar[RoomManager] = RoomManager()  # type: ignore[assignment]  # narrower than all connections

    class Meta:
        proxy = True


class Endpoint(models.Model):
    """A connection's address in a service, and the state of its line of deliveries."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="endpoints")
    service = models.CharField(max_length=32)
    # The id in the service, e.g. of a thread. Text, so that it fits any service. NULL until it is opened.
    remote_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001  # unique: NULL is none
    # The type in which the Python API received it and returns it: "int" or "UUID". Empty: the type of its service.
    id_type = models.CharField(max_length=4, blank=True, editable=False)
    # The previous thread, if that was deleted. The new thread's card mentions it.
    predecessor_id = models.CharField(max_length=255, blank=True)
    # Everything up to this remote id has been received, without gaps. Only moves forward.
    watermark = models.BigIntegerField(null=True, blank=True)
    # The line. `due`: when to work on it next, or until when a worker holds it; NULL if nothing waits.
    # `attempts` counts claims: a worker holds the line as long as this is the number of its own claim.
    due = models.DateTimeField(null=True, blank=True)
    attempts = models.BigIntegerField(default=0)
    failures = models.IntegerField(default=0)
    # The time of the first failure. NULL if there is none.
    failing_since = models.DateTimeField(null=True, blank=True)
    # The message in the service that shows how far the visitor has read; empty if there is none.
    read_mark = models.CharField(max_length=64, blank=True)
    # When the visitor's details on its card last changed; NULL if they are still as they were when it was sent.
    card_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Why nothing is delivered, for staff. Empty if there is no problem.
    trouble = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            # Every gateway event: find the endpoint of a thread.
            models.UniqueConstraint(fields=["service", "remote_id"], name="endpoint_remote"),
        ]
        indexes = [
            # A worker's poll: which lines are due. Contains only lines with waiting deliveries.
            models.Index(fields=["service", "due"], condition=Q(due__isnull=False), name="endpoint_due"),
            # admin: lines with problems, newest first. Usually empty.
            models.Index(fields=["-id"], condition=~Q(trouble=""), name="endpoint_trouble"),
        ]

    def __str__(self) -> str:
        return f"{self.service}:{self.remote_id or '(not opened)'}"


class PrefixIndex(models.Index):
    """An index for searches by the beginning of a text.

    PostgreSQL needs this operator class to use it for LIKE 'x%' under any collation.
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
    """A person in a connection: a visitor or a member of staff."""

    class Role(models.TextChoices):
        VISITOR = "visitor"
        STAFF = "staff"

    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="participants")
    role = models.CharField(max_length=8, choices=Role.choices)
    service = models.CharField(max_length=32, default=WEB)
    visitor = models.UUIDField(null=True, editable=False)
    # Their id in the service from which they write.
    remote_id = models.CharField(max_length=255, blank=True)
    nick = models.CharField(max_length=80)
    # The key that look-alike nicks share (`bridge.text.lookalikes`). Set for visitors in rooms and for staff.
    nick_key = models.CharField(max_length=255, blank=True, editable=False)
    avatar = models.CharField(max_length=300, blank=True)
    # “#rrggbb”, the colour of their role in the service; empty if there is none.
    colour = models.CharField(max_length=7, blank=True)
    # Staff muted them until then: in this room, or in all their private conversations of the inbox.
    muted_until = models.DateTimeField(null=True, blank=True)
    # When they last wrote in a room with slow mode.
    spoke_at = models.DateTimeField(null=True)
    read_seq = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # A visitor's own participant, looked up when a session starts or a conversation is opened.
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
            # A nick belongs to one person in a room, even if two take it at once.
            models.UniqueConstraint(
                fields=["connection", "nick_key"],
                condition=Q(role="visitor") & ~Q(nick_key=""),
                name="participant_nick_key",
            ),
        ]
        indexes = [
            # admin: search by nick (prefix).
            PrefixIndex(Lower("nick"), name="participant_nick"),
            # Joining and renaming: whether staff or somebody in the room has this name. Not partial, because SQLite
            # cannot tell that a parameter fulfils the condition.
            models.Index(fields=["nick_key"], name="participant_look"),
            # Every web process, every two seconds: who is muted.
            models.Index(
                fields=["muted_until"], condition=Q(muted_until__isnull=False), name="participant_muted"
            ),
        ]

    def __str__(self) -> str:
        return self.nick
