"""What is known about a visitor, across their conversations."""

from django.conf import settings as project
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from bridge.models.inboxes import Inbox


class Block(models.Model):
    """A visitor who may not speak in an inbox any more, in any of its conversations."""

    # Without an index of its own: block_once begins with it.
    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE, related_name="blocks", db_index=False)
    visitor = models.UUIDField(editable=False)
    reason = models.CharField(max_length=300, blank=True, help_text="Only staff can see it.")
    created_at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True, blank=True, help_text="If empty, the block has no end.")

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
        NOBODY = "", "not verified"
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
