"""The nouns: inboxes, connections and what is said in them, and how it reaches other services."""

import base64
import secrets
import uuid
from datetime import timedelta
from typing import Any, ClassVar, NamedTuple

from django.conf import settings as project
from django.db import connections, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from bridge.conf import file_storage, settings

WEB = "web"
"""The service name of the browser chat. It has no endpoint: the database itself is what browsers read."""


class Inbox(models.Model):
    """One configured chat: a site, its Discord channel, greeting, allowed origins."""

    class Invites(models.TextChoices):
        KEEP = "keep", "Keep: Discord shows a card to join"
        BREAK = "break", "Show as text without a card"
        REMOVE = "remove", "Remove"

    class Links(models.TextChoices):
        ALLOW = "allow", "Allow"
        REFUSE = "refuse", "Refuse the message, and say why"

    class ShowRead(models.TextChoices):
        OFF = "off", "Not at all"
        REACTION = "reaction", "With 👁 on the newest message that the visitor has read"
        CARD = "card", "In the card that the thread began with"

    class Identity(models.TextChoices):
        OFF = "off", "Nobody: all visitors are anonymous"
        LOGIN = "login", "This site’s login, on its own pages"
        JWT = "jwt", "A JWT, signed by another site with this chat’s secret"
        BOTH = "both", "Both"

    name = models.SlugField(unique=True, help_text="What a page asks for in session.start, e.g. “default”.")
    title = models.CharField(max_length=80, default="Chat with us", help_text="Shown above the chat.")
    greeting = models.CharField(
        max_length=500,
        blank=True,
        default="Hello! Write to us: we read every message.",
        help_text="Shown first.",
    )
    enabled = models.BooleanField(default=True, help_text="Switched off, it opens no new sessions.")
    discord_channel_id = models.CharField(
        max_length=20,
        blank=True,
        help_text="Text or forum channel for new conversations. Empty on “default”: DISCORD_CHANNEL_ID.",
    )
    allowed_origins = models.TextField(
        blank=True,
        help_text="Other sites that may open this chat, one origin a line, e.g. https://example.com. "
        "The site's own address is always allowed.",
    )
    mark_relayed = models.BooleanField(
        default=False, help_text="React in Discord with ✅ to what the visitor was given, ⚠ to what failed."
    )
    relay_bots = models.BooleanField(default=False, help_text="Relay what other Discord bots write too.")
    edit_window = models.PositiveIntegerField(
        default=900, help_text="Seconds in which visitors may edit and delete what they wrote. 0: never."
    )
    reserved_nicks = models.TextField(
        blank=True,
        help_text="Names that no visitor may take in this inbox's rooms, one a line, whatever their case and script. "
        "Staff's own names, “staff”, “admin” and “moderator” are always reserved.",
    )
    invites = models.CharField(
        max_length=6,
        choices=Invites.choices,
        default=Invites.BREAK,
        help_text="What becomes of invites to Discord servers in what visitors write.",
    )
    link_previews = models.BooleanField(
        default=True, help_text="Discord shows what the links lead to that visitors write."
    )
    show_read = models.CharField(
        max_length=8,
        choices=ShowRead.choices,
        default=ShowRead.OFF,
        help_text="How Discord shows what the visitor has read.",
    )
    max_upload = models.PositiveIntegerField(
        default=25, help_text="Megabytes that one file may have, from either side. 0: visitors send no files."
    )
    upload_types = models.CharField(
        max_length=500,
        default="image/* audio/* video/* application/pdf text/plain",
        help_text="What visitors may send, as media types with spaces between. What a file is, its content decides.",
    )
    blocked_words = models.TextField(
        blank=True,
        help_text="Words and phrases that visitors may not write, one a line: whole words, whatever their case.",
    )
    links = models.CharField(
        max_length=6,
        choices=Links.choices,
        default=Links.ALLOW,
        help_text="What becomes of links of visitors.",
    )
    email_after = models.PositiveIntegerField(
        default=0,
        help_text="Minutes in which nobody reads an answer after which it goes to the visitor by mail, where he left "
        "an address. 0: never.",
    )
    email_from = models.EmailField(
        blank=True, help_text="Whom these mails are from. Empty: EMAIL_FROM of the settings."
    )
    identity = models.CharField(
        max_length=5,
        choices=Identity.choices,
        default=Identity.OFF,
        help_text="Who says who a visitor is: docs/identity.md.",
    )
    identity_required = models.BooleanField(
        default=False, help_text="Nobody chats here for whom nobody vouches."
    )
    # Whoever knows it can be anybody here.
    identity_secret = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "inboxes"

    def __str__(self) -> str:
        return self.name

    @property
    def channel_id(self) -> int | None:
        """The Discord channel of this inbox, None where none is configured."""
        text = self.discord_channel_id or (settings.DISCORD_CHANNEL_ID if self.name == "default" else "")
        return int(text) if text else None

    @property
    def origins(self) -> frozenset[str]:
        return frozenset(
            line.strip().rstrip("/").lower() for line in self.allowed_origins.split() if line.strip()
        )

    @property
    def takes_login(self) -> bool:
        return self.identity in {self.Identity.LOGIN, self.Identity.BOTH}

    @property
    def takes_jwt(self) -> bool:
        return self.identity in {self.Identity.JWT, self.Identity.BOTH} and bool(self.identity_secret)

    @property
    def max_upload_bytes(self) -> int:
        return self.max_upload * 1024 * 1024


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
        OPEN = "open", "open: listed, for everybody"
        LINK = "link", "by link: not listed, for whoever has its address"

    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    inbox = models.ForeignKey(Inbox, on_delete=models.PROTECT, related_name="connections")
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.PRIVATE)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    # Who this private conversation belongs to: the id inside the visitor's signed token. Never on the wire.
    visitor = models.UUIDField(null=True, editable=False)
    nick = models.CharField(max_length=32, blank=True)
    # Of a room: its address, what stands above it, and what visitors may do there.
    slug = models.SlugField(
        max_length=50, blank=True, db_index=False, help_text="Its address: /rooms/<slug>/"
    )
    name = models.CharField(max_length=80, blank=True)
    topic = models.CharField(max_length=300, blank=True)
    access = models.CharField(max_length=4, choices=Access.choices, default=Access.OPEN)
    # The part of a link room's address that nobody can guess.
    link_key = models.CharField(max_length=32, blank=True, editable=False)
    read_only = models.BooleanField(default=False, help_text="Only staff write; visitors read.")
    slow_mode = models.PositiveIntegerField(
        default=0, help_text="Seconds that a visitor waits between two of his messages. 0: none."
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
            # session.start and a resend without `connection`: the visitor's own conversations.
            models.Index(fields=["visitor", "inbox"], name="connection_visitor"),
            # The few rooms among many private conversations: room.list, room.join and the rooms' pages.
            models.Index(fields=["kind", "inbox"], name="connection_kind"),
            # admin: the list, newest activity first. Its filters walk a stretch of it.
            models.Index(fields=["-active_at", "-id"], name="connection_active"),
        ]

    def __str__(self) -> str:
        return f"{self.nick or self.kind} {self.code}"

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
    # NULL until it is opened; the id of the Discord thread, as text so that any service fits.
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
    # Why nothing moves, for staff: empty while it does.
    trouble = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            # From a Discord thread to its endpoint, for every gateway event.
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
        SYSTEM = "system"

    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="participants")
    role = models.CharField(max_length=8, choices=Role.choices)
    service = models.CharField(max_length=32, default=WEB)
    visitor = models.UUIDField(null=True, editable=False)
    # His id inside the service he speaks from, e.g. the Discord user's id.
    remote_id = models.CharField(max_length=255, blank=True)
    nick = models.CharField(max_length=80)
    # What nicks that look alike have in common (`bridge.lookalikes`): of visitors in rooms, and of staff.
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
            # The author of an incoming Discord message.
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


class Block(models.Model):
    """A visitor who may not speak in an inbox any more, in any of its conversations."""

    # Without an index of its own: block_once begins with it.
    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE, related_name="blocks", db_index=False)
    visitor = models.UUIDField(editable=False)
    reason = models.CharField(max_length=300, blank=True, help_text="For staff; the visitor does not see it.")
    created_at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True, blank=True, help_text="Empty: for good.")

    class Meta:
        constraints = [
            # session.start, room.join: whether he is blocked here.
            models.UniqueConstraint(fields=["inbox", "visitor"], name="block_once"),
        ]
        indexes = [
            # Every web process, every two seconds: who was blocked just now.
            models.Index(fields=["created_at"], name="block_created"),
        ]

    def __str__(self) -> str:
        return f"{self.visitor} in {self.inbox_id}"


class Contact(models.Model):
    """What a visitor said of himself in an inbox, or his site of him."""

    class Issuer(models.TextChoices):
        NOBODY = "", "nobody: he says so himself"
        SITE = "site", "this site’s login"
        JWT = "jwt", "a JWT"

    # Without an index of its own: contact_of_subject begins with it.
    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE, related_name="contacts", db_index=False)
    visitor = models.UUIDField(editable=False)
    # Who vouches for him, and what he is called there: a user's primary key, a JWT's `sub`; NULL where nobody does.
    issuer = models.CharField(max_length=4, choices=Issuer.choices, default=Issuer.NOBODY, blank=True)
    subject = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001  # unique: NULL is none
    user = models.ForeignKey(
        project.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    name = models.CharField(max_length=80, blank=True)
    email = models.CharField(max_length=254, blank=True)
    # He asked for no more mails, by the link in one.
    email_stopped = models.BooleanField(default=False)
    # Whether name and email are the issuer's word, which the visitor cannot change.
    name_verified = models.BooleanField(default=False)
    email_verified = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # session.start, the card, the admin: the visitor's own, and whether anybody vouches for him.
            models.UniqueConstraint(fields=["visitor", "inbox"], name="contact_of_visitor"),
            # session.start: who was identified before. Two sign-ins at the same moment are one contact.
            models.UniqueConstraint(fields=["inbox", "issuer", "subject"], name="contact_of_subject"),
        ]
        # admin: who has this address.
        indexes = [models.Index(Lower("email"), name="contact_email")]

    def __str__(self) -> str:
        return self.name or self.email or str(self.visitor)

    @property
    def is_identified(self) -> bool:
        return self.issuer != self.Issuer.NOBODY


class RevokedToken(models.Model):
    """What counts no more: one token, a login with all that were issued for it, or all of a visitor's until then."""

    digest = models.CharField(max_length=16, unique=True)
    revoked_at = models.DateTimeField(default=timezone.now)
    # After which it would not count any more by itself. NULL: never.
    expires_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # Every web process, every two seconds: what was revoked just now.
            models.Index(fields=["revoked_at"], name="revoked_token_recent"),
            # With each that is revoked: those that nobody needs any more.
            models.Index(
                fields=["expires_at"], condition=Q(expires_at__isnull=False), name="revoked_token_expired"
            ),
        ]

    def __str__(self) -> str:
        return self.digest


class Message(models.Model):
    """One thing said. `seq` is its place, `revision` its latest change."""

    class Kind(models.TextChoices):
        MESSAGE = "message"
        GAP = "gap"
        EVENT = "event"

    class State(models.TextChoices):
        SENT = "sent"
        DELIVERED = "delivered"
        FAILED = "failed"

    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    # Without an index of its own: message_place begins with it, and each index is written with each message.
    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    author = models.ForeignKey(Participant, null=True, on_delete=models.PROTECT, related_name="messages")
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.MESSAGE)
    seq = models.BigIntegerField()
    revision = models.BigIntegerField()
    client_id = models.UUIDField(null=True, editable=False)
    service = models.CharField(max_length=32, default=WEB)
    # Where it came in: it goes to every other endpoint and never back to this one. NULL: from the page.
    endpoint = models.ForeignKey(
        "Endpoint", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    content = models.TextField(blank=True)
    state = models.CharField(max_length=9, choices=State.choices, default=State.SENT)
    # Why it failed, for its author and for staff: a short code. Empty otherwise.
    failure = models.CharField(max_length=32, blank=True)
    # Of the same connection. Indexed below only where it is set.
    reply_to = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="replies", db_index=False
    )
    # For a gap: how many messages are missing, NULL where nobody knows.
    gap_size = models.IntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    # No column: each emoji on it with its number, as `wire.load` counted them.
    tally: list[Any]

    class Meta:
        constraints = [
            # history.page: keyset by place within a connection.
            models.UniqueConstraint(fields=["connection", "seq"], name="message_place"),
            # A resend is free.
            models.UniqueConstraint(fields=["connection", "author", "client_id"], name="message_client_id"),
        ]
        indexes = [
            # connection.sync: what changed since a revision.
            models.Index(fields=["connection", "revision"], name="message_revision"),
            # admin: by date, newest first.
            models.Index(fields=["-created_at", "-id"], name="message_created"),
            # Deleting a message: the replies that lose it.
            models.Index(fields=["reply_to"], condition=Q(reply_to__isnull=False), name="message_reply_to"),
            # Deleting an endpoint: the messages that came in there.
            models.Index(fields=["endpoint"], condition=Q(endpoint__isnull=False), name="message_endpoint"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.seq}"


class MessageVersion(models.Model):
    """What a message said before an edit, for staff. Gone when the message is deleted."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="versions")
    content = models.TextField()
    replaced_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.message_id} until {self.replaced_at:%Y-%m-%d %H:%M}"


class Reaction(models.Model):
    """One participant's emoji on one message."""

    # Without an index of its own: reaction_once begins with it.
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="reactions", db_index=False)
    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="reactions")
    # The characters themselves, or “name:id” for an emoji of a Discord server, “a:name:id” where it moves.
    emoji = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "emoji", "participant"], name="reaction_once"),
        ]

    def __str__(self) -> str:
        return f"{self.emoji} on {self.message_id}"


class Emoji(models.Model):
    """An emoji of a Discord server that was seen in a reaction or a message: only these have pictures here."""

    remote_id = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=32)
    animated = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name


class Attachment(models.Model):
    """A file. Without `message` it was uploaded and waits to be sent; what is never sent is purged."""

    class State(models.TextChoices):
        STORED = "stored"
        # Still to be copied from the service it came from.
        PENDING = "pending"
        # Too large to be copied, or gone before it was: only its service has it.
        REMOTE = "remote"

    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    message = models.ForeignKey(Message, null=True, on_delete=models.CASCADE, related_name="attachments")
    # Who uploaded it, and for which inbox: only he can put it into a message. NULL: it came from a service.
    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE, related_name="+", db_index=False)
    visitor = models.UUIDField(null=True, editable=False)
    position = models.IntegerField(default=0)
    name = models.CharField(max_length=200)
    # As its bytes say, not as its name does.
    content_type = models.CharField(max_length=100)
    size = models.BigIntegerField(help_text="Bytes.")
    width = models.IntegerField(null=True, help_text="Pixels, of an image.")
    height = models.IntegerField(null=True, help_text="Pixels, of an image.")
    file = models.FileField(
        upload_to="attachments/%Y/%m/%d", storage=file_storage, max_length=200, blank=True
    )
    thumbnail = models.FileField(
        upload_to="thumbnails/%Y/%m/%d", storage=file_storage, max_length=200, blank=True
    )
    # Its id inside the service it came from, and where that has it.
    remote_id = models.CharField(max_length=64, blank=True)
    remote_url = models.CharField(max_length=1000, blank=True)
    state = models.CharField(max_length=7, choices=State.choices, default=State.STORED)
    # Services get a link in its place: one refused it as too large.
    linked = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            # The bot: what is still to be copied, oldest first. Empty while all is well.
            models.Index(fields=["id"], condition=Q(state="pending"), name="attachment_pending"),
            # purge: uploads that nobody sent.
            models.Index(fields=["created_at"], condition=Q(message__isnull=True), name="attachment_unsent"),
            # purge_files: whether a file in the storage is anybody's.
            models.Index(fields=["file"], name="attachment_file"),
            models.Index(fields=["thumbnail"], name="attachment_thumbnail"),
        ]

    def __str__(self) -> str:
        return self.name


class RemoteMessage(models.Model):
    """One message inside a service.

    Ours is written before it is sent, so that whoever finds it after a crash knows what may be out there.
    """

    class Fate(models.TextChoices):
        """What is known of a reaction of ours: written before it is asked for, so that a crash is survived."""

        UNSURE = "unsure"
        THERE = "there"
        REFUSED = "refused"

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="remote_messages")
    remote_id = models.CharField(max_length=255, null=True)  # noqa: DJ001  # unique: NULL is not known
    ours = models.BooleanField()
    # The visitor's card, from which the Discord thread starts. It belongs to no message.
    card = models.BooleanField(default=False)
    nonce = models.CharField(max_length=25, blank=True)
    text = models.TextField(blank=True)
    # An edit was asked for, and nobody knows whether it was made: it may say something else there.
    text_unsure = models.BooleanField(default=False)
    # The keys of the attachments that go with it.
    files = models.JSONField(default=list)
    # In a room: the nick that ours was said under, and the webhook that said it, which alone may change it.
    speaker = models.CharField(max_length=80, blank=True)
    sender = models.CharField(max_length=64, blank=True)
    # When a request that may have stored it was written. NULL: none was, or its failure was certain.
    sent_at = models.DateTimeField(null=True)
    edited_at = models.DateTimeField(null=True)
    # With what we react to it there, for all visitors together: pairs of an emoji and its `Fate`.
    reactions = models.JSONField(default=list)
    # Deleted in the service. Without parts: a delete that came before its create.
    deleted_at = models.DateTimeField(null=True)
    # We asked for its deletion ourselves: news of that says nothing of what staff want.
    unwanted = models.BooleanField(default=False)

    class Meta:
        constraints = [
            # An event seen twice is one message. The id comes first, for admin's search by it alone.
            models.UniqueConstraint(fields=["remote_id", "endpoint"], name="remote_message_once"),
        ]
        indexes = [
            # delivery: ours whose fate is not known.
            models.Index(
                fields=["endpoint"], condition=Q(remote_id__isnull=True), name="remote_message_unknown"
            ),
        ]

    def __str__(self) -> str:
        return self.remote_id or "(not sent)"


class RemotePart(models.Model):
    """Which messages a remote message holds, in order.

    Several messages joined in one: several parts with one `remote`. One message split into several: one
    part in each of them.
    """

    remote = models.ForeignKey(RemoteMessage, on_delete=models.CASCADE, related_name="parts")
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="remote_parts")
    position = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["remote", "position"], name="remote_part_place"),
        ]

    def __str__(self) -> str:
        return f"{self.remote_id}.{self.position}"


class Delivery(models.Model):
    """One change of one message on its way to one endpoint: the durable outbox."""

    class Operation(models.TextChoices):
        POST = "post"
        EDIT = "edit"
        DELETE = "delete"
        REACT = "react"

    class Outcome(models.TextChoices):
        DELIVERED = "delivered"
        FAILED = "failed"
        # A later change made it needless: deleted before it was sent, or edited again.
        SUPERSEDED = "superseded"

    # Without an index of its own: delivery_once begins with it.
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    operation = models.CharField(max_length=8, choices=Operation.choices)
    revision = models.BigIntegerField()
    settled_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    reason = models.CharField(max_length=32, blank=True)
    detail = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["message", "endpoint", "operation", "revision"], name="delivery_once"
            ),
        ]
        indexes = [
            # A worker's read of its line, in order.
            models.Index(
                fields=["endpoint", "revision"],
                condition=Q(settled_at__isnull=True),
                name="delivery_unsettled",
            ),
            # admin: what failed, newest first.
            models.Index(fields=["-id"], condition=Q(outcome="failed"), name="delivery_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.message_id} to {self.endpoint_id}"


class Cursor(models.Model):
    """How far a reader of the Python API has come in a conversation: the place of what it was last done with."""

    name = models.CharField(max_length=64)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="cursors")
    seq = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "connection"], name="cursor_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} at {self.seq}"


class Lease(models.Model):
    """Who may do what only one process may do, e.g. hold the gateway. Expires by the database's clock."""

    name = models.CharField(max_length=32, primary_key=True)
    holder = models.CharField(max_length=64, blank=True)
    expires_at = models.DateTimeField()
    # When its holder last saw the outside world in order: for the gateway its last heartbeat.
    heartbeat_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name}: {self.holder}"


def new_webhook_secret() -> str:
    """As the Standard Webhooks specification has it: 24 to 64 random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class Webhook(models.Model):
    """Another program that hears what is said in an inbox, and may answer: the service `webhook`."""

    ROTATION: ClassVar[timedelta] = timedelta(hours=24)
    """How long the secret before this one stays valid."""

    # Its address for what comes in, and all that names it there.
    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE, related_name="webhooks")
    name = models.CharField(max_length=80, help_text="For staff.")
    url = models.CharField("address", max_length=1000, help_text="Where it listens: https://…")
    enabled = models.BooleanField(
        default=True, help_text="Switched off, nothing is sent there, also not later, and nothing is taken."
    )
    secret = models.CharField(max_length=100, default=new_webhook_secret, editable=False)
    previous_secret = models.CharField(max_length=100, blank=True, editable=False)
    previous_until = models.DateTimeField(null=True, editable=False)
    # Until then nothing is sent there: it asked for that, or did not answer in time.
    rests_until = models.DateTimeField(null=True, editable=False)
    succeeded_at = models.DateTimeField(null=True, editable=False)
    failed_at = models.DateTimeField(null=True, editable=False)
    failure = models.CharField(max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name

    def secrets(self) -> list[str]:
        """Those that are valid now, the newest first."""
        before = self.previous_until is not None and timezone.now() < self.previous_until
        return [self.secret, self.previous_secret] if before else [self.secret]

    def rotate(self) -> None:
        """Make a new secret. Not saved."""
        self.previous_secret, self.previous_until = self.secret, timezone.now() + self.ROTATION
        self.secret = new_webhook_secret()
