"""What a shop has."""

from django.db import models


class Order(models.Model):
    number = models.CharField(max_length=20, unique=True)
    visitor = models.UUIDField()
    state = models.CharField(max_length=20, default="packed")
    note = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return self.number
