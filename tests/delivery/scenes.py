"""For each rule the fault that it closes, as the shortest schedule that shows it."""

from collections.abc import Callable

from bridge.models import Message
from bridge.services.requests import Delete
from tests.delivery.machine import DeliveryMachine, Worker
from tests.delivery.mutations import (
    Mutation,
    a_failed_head_is_overtaken,
    a_reaction_is_not_written_down_before,
    a_repeat_has_a_nonce_of_its_own,
    a_reply_goes_with_others,
    an_edit_leaves_what_outgrew_its_message,
    an_opening_of_unknown_fate_is_repeated,
    no_answer_counts_as_not_stored,
    our_own_deletions_are_taken_for_staffs,
    posts_do_not_wake_their_line,
    requests_are_written_at_any_time,
    what_is_joined_is_settled_one_by_one,
    what_is_sent_is_not_written_down_before,
    what_may_be_there_is_sent_again_unseen,
    what_staff_delete_is_only_noted,
    whoever_once_held_a_line_goes_on_with_it,
)

LONG = "so long that it goes alone"


class Scene(DeliveryMachine):
    """A schedule told step by step."""

    PATIENCE = 200

    def opened(self, *, forum: bool = False) -> "Scene":
        """With a first message delivered, and its thread open."""
        self.begin(forum, 1)
        self.say("hello")
        self.heal()
        return self

    def say(self, *contents: str) -> None:
        for content in contents:
            self.store(self.targets[0], content)

    def plan(self, worker: Worker) -> None:
        """Claim where needed, and write down what is asked next."""
        while worker.request is None:
            self.step(worker, "ok", 0)

    def request(self, worker: Worker, outcome: str = "ok", *, delay: float = 1) -> None:
        self.plan(worker)
        self.step(worker, outcome, delay)

    def through(self, worker: Worker, outcome: str = "ok", *, delay: float = 1) -> None:
        """One request, from the plan to what became of it."""
        self.request(worker, outcome, delay=delay)
        self.step(worker, outcome, delay)


def a_message_is_posted(scene: Scene) -> None:
    scene.opened().say(LONG)


def a_loser_reports_a_failure(scene: Scene) -> None:
    """It was paused; another repeats its request meanwhile, and it says that nothing was ever sent."""
    paused, other = Worker(), Worker()
    scene.opened().say(LONG)
    scene.plan(paused)
    scene.wait(31)
    scene.through(other)
    scene.request(other)
    scene.step(paused, "ok", 0)
    scene.step(paused, "ok", 0)
    scene.step(other, "ok", 0)


def a_paused_worker_wakes_up(scene: Scene) -> None:
    """Another has carried on in the meantime, and Discord has forgotten the nonce."""
    paused, other = Worker(), Worker()
    scene.opened().say(LONG)
    scene.plan(paused)
    scene.wait(31)
    scene.through(other)
    scene.through(other)
    scene.wait(200)
    scene.request(paused)


def a_worker_dies_before_its_answer(scene: Scene) -> None:
    scene.opened().say(LONG)
    scene.request(Worker())
    scene.wait(31)


def an_answer_is_lost_for_long(scene: Scene) -> None:
    """Discord stored it, answered with an error, and has forgotten the nonce when it is tried again."""
    scene.opened().say(LONG)
    scene.through(Worker(), "stored_but_error")
    scene.wait(200)


def a_request_lands_after_its_repeat(scene: Scene) -> None:
    first, other = Worker(), Worker()
    scene.opened().say(LONG)
    scene.through(first, "late", delay=60)
    scene.wait(31)
    scene.through(other)
    scene.through(other)
    scene.wait(70)


def an_answer_is_lost(scene: Scene) -> None:
    scene.opened().say(LONG)
    scene.through(Worker(), "stored_but_error")


def the_first_of_two_is_refused_for_now(scene: Scene) -> None:
    scene.opened().say(LONG, f"and {LONG}")
    scene.through(Worker(), "refused")
    scene.wait(5)


def an_opening_is_answered_with_an_error(scene: Scene) -> None:
    scene.begin(True, 1)
    scene.say(LONG)
    scene.through(Worker(), "stored_but_error")
    scene.wait(31)


def an_outgrown_message_is_edited_again(scene: Scene) -> None:
    scene.opened()
    message = scene.messages[0]
    scene.rewrite(message, "hello " + "dear " * 12)
    scene.heal()
    scene.rewrite(message, "goodbye " + "dear " * 12)


def two_go_as_one(scene: Scene) -> None:
    scene.opened().say("how are", "you")
    assert Message.objects.filter(state="sent").count() == 2


def a_reply_waits_behind_another_message(scene: Scene) -> None:
    scene.opened().say("how are")
    answered = Message.objects.get(pk=scene.messages[0])
    scene.store(scene.targets[0], "you", reply_to=answered.uid)


def an_outgrown_message_becomes_short_again(scene: Scene) -> None:
    """Its second piece is deleted, and Discord tells of that before it answers."""
    worker = Worker()
    scene.opened()
    scene.rewrite(scene.messages[0], "hello " + "dear " * 12)
    scene.heal()
    scene.rewrite(scene.messages[0], "hello")
    scene.through(worker)
    scene.request(worker)
    assert isinstance(worker.request, Delete)
    scene.hear_all()


def staff_delete_a_piece(scene: Scene) -> None:
    scene.opened().say("so long that it goes in several pieces, " * 3)
    scene.heal()
    (place,) = scene.discord.threads.values()
    scene.remove(place.pk, place.said[-1])


def a_worker_dies_while_a_reaction_is_set(scene: Scene) -> None:
    """It is there, nobody was told, and its visitor takes it back."""
    worker = Worker()
    scene.opened().set_reaction(scene.messages[0], "👍")
    scene.request(worker)
    scene.set_reaction(scene.messages[0], "👍", added=False)
    scene.wait(31)


Play = Callable[[Scene], None]

SCENES: list[tuple[Play, Mutation]] = [
    (a_message_is_posted, posts_do_not_wake_their_line),
    (a_loser_reports_a_failure, whoever_once_held_a_line_goes_on_with_it),
    (a_paused_worker_wakes_up, requests_are_written_at_any_time),
    (a_worker_dies_before_its_answer, what_is_sent_is_not_written_down_before),
    (an_answer_is_lost_for_long, what_may_be_there_is_sent_again_unseen),
    (a_request_lands_after_its_repeat, a_repeat_has_a_nonce_of_its_own),
    (an_answer_is_lost, no_answer_counts_as_not_stored),
    (the_first_of_two_is_refused_for_now, a_failed_head_is_overtaken),
    (an_opening_is_answered_with_an_error, an_opening_of_unknown_fate_is_repeated),
    (an_outgrown_message_is_edited_again, an_edit_leaves_what_outgrew_its_message),
    (two_go_as_one, what_is_joined_is_settled_one_by_one),
    (a_reply_waits_behind_another_message, a_reply_goes_with_others),
    (an_outgrown_message_becomes_short_again, our_own_deletions_are_taken_for_staffs),
    (staff_delete_a_piece, what_staff_delete_is_only_noted),
    (a_worker_dies_while_a_reaction_is_set, a_reaction_is_not_written_down_before),
]
