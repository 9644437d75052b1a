"""`{% load chatbridge %}{% chat_widget %}`: the chat at the corner of any page of the site."""

from django import template
from django.urls import reverse
from django.utils.http import urlencode

register = template.Library()


@register.inclusion_tag("bridge/widget.html")
def chat_widget(*, inbox: str = "default") -> dict[str, str]:
    """A button that opens the chat of this inbox in a frame; without scripts a link to its page.

    It asks no database and nothing of the request, so that a cached page may have it.
    """
    page = reverse("bridge:chat")
    return {
        "inbox": inbox,
        "page": f"{page}?{urlencode({'inbox': inbox})}",
        "framed": f"{page}?{urlencode({'inbox': inbox, 'embedded': '1'})}",
    }
