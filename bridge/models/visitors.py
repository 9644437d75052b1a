"""What is known about a visitor, across their conversations."""

from django.conf import settings as project
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from bridge.models.inboxes import Inbox


class Block(models.Model):
    """A visitor who may no longer write in an inbox, in any of its conversations."""

    # No index of its own: block_once begins with this column.
    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE, related_name="blocks", db_index=False)
    visitor = models.UUIDField(editable=False)
    reason = models.CharField(max_length=300, blank=True, help_text="Only staff can see it.")
    created_at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True, blank=True, help_text="If empty, the block has no end.")

    class Meta:
        constraints = [
            # session.start, room.join: whether a visitor is blocked here.
            models.UniqueConstraint(fields=["inbox", "visitor"], name="block_once"),
        ]
        indexes = [
            # Every web process, every two seconds: who was blocked recently.
            models.Index(fields=["created_at"], name="block_created"),
        ]

    def __str__(self) -> str:
        return f"{self.visitor} in {self.inbox_id}"


class Contact(models.Model):
    """What an inbox knows about a visitor, from themselves or from their site."""

    class Issuer(models.TextChoices):
        NOBODY = "", "not verified"
        SITE = "site", "this site’s login"
        JWT = "jwt", "a JWT"

    # No index of its own: contact_of_subject begins with this column.
    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE, related_name="contacts", db_index=False)
    visitor = models.UUIDField(editable=False)
    # Who vouches for them, and their id there: a user's primary key or a JWT's `sub`; NULL if nobody does.
    issuer = models.CharField(max_length=4, choices=Issuer.choices, default=Issuer.NOBODY, blank=True)
    subject = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001  # unique: NULL is none
    user = models.ForeignKey(
        project.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    name = models.CharField(max_length=80, blank=True)
    email = models.CharField(max_length=254, blank=True)
    # They asked for no more e-mails, by the link in one.
    email_stopped = models.BooleanField(default=False)
    # Whether name and email come from the issuer, so that the visitor cannot change them.
    name_verified = models.BooleanField(default=False)
    email_verified = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # session.start, the card, the admin: a visitor's contact, and whether anyone vouches for them.
            models.UniqueConstraint(fields=["visitor", "inbox"], name="contact_of_visitor"),
            # session.start: a visitor who was identified before. Two simultaneous logins are one contact.
            models.UniqueConstraint(fields=["inbox", "issuer", "subject"], name="contact_of_subject"),
        ]
        # admin: search by address.
        indexes = [models.Index(Lower("email"), name="contact_email")]

    def __str__(self) -> str:
        return self.name or self.email or str(self.visitor)

    @property
    def is_identified(self) -> bool:
        return self.issuer != self.Issuer.NOBODY


class RevokedToken(models.Model):
    """A revocation: of one token, of a login with all its tokens, or of all tokens of a visitor until then."""

    digest = models.CharField(max_length=16, unique=True)
    revoked_at = models.DateTimeField(default=timezone.now)
    # When what was revoked expires anyway. NULL: never.
    expires_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # Every web process, every two seconds: recent revocations.
            models.Index(fields=["revoked_at"], name="revoked_token_recent"),
            # With each revocation: those that are no longer needed.
            models.Index(
                fields=["expires_at"], condition=Q(expires_at__isnull=False), name="revoked_token_expired"
            ),
        ]

    def __str__(self) -> str:
        return self.digest
