"""Inboxes: the configured chats."""

import secrets
from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.utils import timezone

from bridge.conf import settings

WEB = "web"
"""The service name of the browser chat. It has no endpoint, because browsers read from the database itself."""


class Inbox(models.Model):
    """A configured chat: a site, its Discord channel, its greeting, its allowed origins."""

    ROTATION: ClassVar[timedelta] = timedelta(hours=24)
    """How long the previous secret stays valid if the site gets time to change it."""

    class Invites(models.TextChoices):
        KEEP = "keep", "Keep: Discord shows a card with a button to join"
        BREAK = "break", "Show as text without a card"
        REMOVE = "remove", "Remove"

    class Links(models.TextChoices):
        ALLOW = "allow", "Allow"
        REFUSE = "refuse", "Refuse the message and tell the visitor why"

    class ShowRead(models.TextChoices):
        OFF = "off", "Not at all"
        REACTION = "reaction", "With 👁 on the newest message that the visitor has read"
        CARD = "card", "On the card at the beginning of the thread"

    class Identity(models.TextChoices):
        OFF = "off", "Not at all: every visitor is anonymous"
        LOGIN = "login", "By this site’s login, on its own pages"
        JWT = "jwt", "By a JWT that another site signs with this inbox’s secret"
        BOTH = "both", "Both"

    class Proof(models.TextChoices):
        OFF = "off", "Never"
        AUTOMATIC = "auto", "During a rush of new conversations"
        ON = "on", "Always"

    name = models.SlugField(
        unique=True, help_text="The name that pages send in session.start, e.g. “default”."
    )
    title = models.CharField(max_length=80, default="Chat with us", help_text="Shown above the chat.")
    greeting = models.CharField(
        max_length=500,
        blank=True,
        default="Hello! Write to us: we read every message.",
        help_text="Shown at the top of a new conversation.",
    )
    enabled = models.BooleanField(default=True, help_text="If turned off, the inbox accepts no new sessions.")
    discord_channel_id = models.CharField(
        max_length=20,
        blank=True,
        help_text="Text or forum channel for new conversations. If empty, the inbox “default” uses "
        "DISCORD_CHANNEL_ID.",
    )
    allowed_origins = models.TextField(
        blank=True,
        help_text="Other sites that may open this chat, one origin per line, e.g. https://example.com. This site's "
        "own address is always allowed.",
    )
    mark_relayed = models.BooleanField(
        default=False,
        help_text="React in Discord with ✅ to messages that the visitor can see, and with ⚠ to messages that do not "
        "reach them.",
    )
    relay_bots = models.BooleanField(default=False, help_text="Also relay messages of other Discord bots.")
    staff_roles = models.TextField(
        blank=True,
        help_text="IDs of the Discord roles whose members are staff, one per line. Messages of others in a thread "
        "are not relayed. If empty, everyone who can write in a thread is staff, and in a room everyone "
        "who can manage its messages.",
    )
    edit_window = models.PositiveIntegerField(
        default=900,
        help_text="Seconds during which visitors can edit and delete their messages. 0 means never.",
    )
    reserved_nicks = models.TextField(
        blank=True,
        help_text="Names that visitors cannot use in this inbox's rooms, one per line, in any case and script. The "
        "names of staff, “staff”, “admin” and “moderator” are always reserved.",
    )
    invites = models.CharField(
        max_length=6,
        choices=Invites.choices,
        default=Invites.BREAK,
        help_text="What happens to invites to Discord servers in visitors' messages.",
    )
    link_previews = models.BooleanField(
        default=True, help_text="Discord shows previews of links in visitors' messages."
    )
    show_read = models.CharField(
        max_length=8,
        choices=ShowRead.choices,
        default=ShowRead.OFF,
        help_text="How Discord shows staff what the visitor has read.",
    )
    max_upload = models.PositiveIntegerField(
        default=25,
        help_text="Maximum size of a file in megabytes, from either side. 0 means that visitors cannot "
        "send files.",
    )
    upload_types = models.CharField(
        max_length=500,
        default="image/* audio/* video/* application/pdf text/plain",
        help_text="Media types that visitors can send, separated by spaces. The type of a file is determined by its "
        "content.",
    )
    blocked_words = models.TextField(
        blank=True,
        help_text="Words and phrases that visitors cannot write, one per line. Whole words match, in any case.",
    )
    links = models.CharField(
        max_length=6,
        choices=Links.choices,
        default=Links.ALLOW,
        help_text="What happens to links in visitors' messages.",
    )
    proof = models.CharField(
        "check browsers",
        max_length=4,
        choices=Proof.choices,
        default=Proof.AUTOMATIC,
        help_text="Whether the browsers of unidentified visitors must compute a proof of work before a conversation "
        "is opened. Visitors see “Checking your browser…” for a moment.",
    )
    # When the inbox's limit last refused to open a conversation, and whether Discord was notified.
    full_at = models.DateTimeField(null=True, blank=True, editable=False)
    full_told = models.BooleanField(default=True, editable=False)
    email_after = models.PositiveIntegerField(
        default=0,
        help_text="Minutes after which an unread answer is sent to the visitor by e-mail, if they left an address. "
        "0 means never.",
    )
    email_from = models.EmailField(
        blank=True, help_text="The sender of these e-mails. If empty, the setting EMAIL_FROM is used."
    )
    identity = models.CharField(
        max_length=5,
        choices=Identity.choices,
        default=Identity.OFF,
        help_text="How visitors are identified: see docs/identity.md.",
    )
    identity_required = models.BooleanField(default=False, help_text="Only identified visitors can chat.")
    # Everyone who knows it can act as any visitor in this inbox.
    identity_secret = models.CharField(max_length=64, blank=True, editable=False)
    previous_identity_secret = models.CharField(max_length=64, blank=True, editable=False)
    previous_identity_until = models.DateTimeField(null=True, editable=False)
    # What prevents delivery to Discord, as found by the bot, and a hint of the bot. Both for the admin.
    discord_trouble = models.CharField(max_length=300, blank=True, editable=False)
    discord_hint = models.CharField(max_length=300, blank=True, editable=False)
    # The Discord server that its channel is in, as found by the bot. Used in links to its threads.
    discord_server_id = models.CharField(max_length=20, blank=True, editable=False)
    # Discord messages since then may not have been received. They are read once the channel can be read again.
    discord_unseen_since = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "inboxes"

    def __str__(self) -> str:
        return self.name

    @property
    def channel_id(self) -> int | None:
        """The Discord channel of this inbox; None if none is configured or the value is not an id."""
        text = self.channel_text
        return int(text) if text.isascii() and text.isdigit() and 0 < int(text) < 2**63 else None

    @property
    def channel_text(self) -> str:
        """The configured Discord channel, unchecked."""
        text = self.discord_channel_id or (settings.DISCORD_CHANNEL_ID if self.name == "default" else "")
        return str(text or "").strip()

    @property
    def staff_role_ids(self) -> frozenset[int]:
        return frozenset(int(word) for word in self.staff_roles.split() if word.isdecimal())

    @property
    def origins(self) -> frozenset[str]:
        return frozenset(
            line.strip().rstrip("/").lower() for line in self.allowed_origins.split() if line.strip()
        )

    @property
    def takes_login(self) -> bool:
        return self.identity in {self.Identity.LOGIN, self.Identity.BOTH}

    def identity_secrets(self) -> list[str]:
        """Return the secrets that are valid now, newest first."""
        before = self.previous_identity_until is not None and timezone.now() < self.previous_identity_until
        return [self.identity_secret, self.previous_identity_secret] if before else [self.identity_secret]

    def renew_identity_secret(self, *, keep: timedelta = timedelta()) -> None:
        """Create a new secret. The previous one stays valid for `keep`. Does not save."""
        self.previous_identity_secret = self.identity_secret if keep else ""
        self.previous_identity_until = timezone.now() + keep if keep and self.identity_secret else None
        self.identity_secret = secrets.token_urlsafe(48)

    @property
    def takes_jwt(self) -> bool:
        return self.identity in {self.Identity.JWT, self.Identity.BOTH} and bool(self.identity_secret)

    @property
    def max_upload_bytes(self) -> int:
        return self.max_upload * 1024 * 1024
