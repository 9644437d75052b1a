"""A worker that lost its line reports late: what it learned counts, what it would do about it does not."""

import pytest

from bridge.models import RemoteMessage
from tests.delivery.machine import Worker
from tests.delivery.scenes import LONG, Scene

pytestmark = pytest.mark.django_db


def play(scene: Scene) -> None:
    """To the end, where Discord must hold what the database says."""
    scene.teardown()


def test_a_late_look_that_found_nothing_does_not_send_again_what_was_sent_since() -> None:
    paused, other = Worker(), Worker()
    scene = Scene().opened()
    scene.say(LONG)
    scene.through(paused, "lost")
    scene.wait(31)
    scene.request(paused)  # looks, finds nothing, and sleeps over its claim
    scene.wait(31)
    scene.through(other)  # looks, finds nothing
    scene.through(other, "stored_but_error")  # and sends it again
    scene.step(paused, "ok", 0)
    scene.wait(200)  # until Discord has forgotten the nonce
    play(scene)


def test_a_late_look_for_a_forum_post_does_not_make_a_second_one() -> None:
    paused, other = Worker(), Worker()
    scene = Scene()
    scene.begin(True, 1)
    scene.say(LONG)
    scene.through(paused, "lost")
    scene.wait(31)
    scene.request(paused)
    scene.wait(31)
    scene.through(other)
    scene.through(other, "stored_but_error")
    scene.step(paused, "ok", 0)
    scene.wait(200)
    play(scene)


def test_a_late_answer_to_an_edit_does_not_hide_a_later_edit() -> None:
    paused, other = Worker(), Worker()
    scene = Scene().opened()
    message = scene.messages[0]
    scene.rewrite(message, "first")
    scene.request(paused)
    scene.wait(31)
    scene.rewrite(message, "second")
    scene.through(other)
    scene.step(paused, "ok", 0)
    assert RemoteMessage.objects.get(card=False).text == "second"
    scene.rewrite(message, "first")
    play(scene)
