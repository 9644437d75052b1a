"""Nothing is lost, doubled or out of order, whatever happens; and each rule is needed for that.

`DELIVERY_SCHEDULES` sets how many random schedules are tried. With `DELIVERY_MUTATIONS` set each rule is also taken
away from the random schedules, which takes minutes; the scenes show the same by the shortest schedule.
"""

import os

import pytest
from django.core.exceptions import ObjectDoesNotExist
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.delivery.machine import DeliveryMachine
from tests.delivery.mutations import MUTATIONS, Mutation, without
from tests.delivery.scenes import SCENES, Play, Scene

SCHEDULES = int(os.environ.get("DELIVERY_SCHEDULES", "40"))

STEPS = settings(
    max_examples=SCHEDULES,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    # A failing schedule is printed as it was found: to shrink one takes minutes.
    phases=[Phase.generate],
)

NOTICED = (AssertionError, ObjectDoesNotExist, StopIteration, IndexError)


@pytest.mark.timeout(3600)
@pytest.mark.django_db
def test_whatever_happens_nothing_is_lost_doubled_or_out_of_order() -> None:
    run_state_machine_as_test(DeliveryMachine, settings=STEPS)
    print(f"{SCHEDULES} random schedules")


def play(scene: Play) -> None:
    stage = Scene()
    try:
        scene(stage)
    finally:
        stage.teardown()


@pytest.mark.django_db
@pytest.mark.parametrize("scene", [scene for scene, _ in SCENES], ids=lambda scene: scene.__name__)
def test_each_fault_is_survived(scene: Play) -> None:
    play(scene)


@pytest.mark.django_db
@pytest.mark.parametrize(("scene", "mutation"), SCENES, ids=lambda part: part.__name__)
def test_each_rule_closes_its_fault(scene: Play, mutation: Mutation) -> None:
    with without(mutation), pytest.raises(NOTICED):
        play(scene)


@pytest.mark.skipif("DELIVERY_MUTATIONS" not in os.environ, reason="takes minutes: DELIVERY_MUTATIONS=1")
@pytest.mark.timeout(3600)
@pytest.mark.django_db
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_random_schedules_notice_that_a_rule_is_gone(mutation: Mutation) -> None:
    with without(mutation), pytest.raises(NOTICED):
        run_state_machine_as_test(DeliveryMachine, settings=settings(STEPS, max_examples=3000, database=None))
