"""What happens once a transaction is committed."""

import re

import pytest
from django.db import transaction

from bridge.infra.database import after_commit
from chatbridge_site.environment import BASE_DIR


@pytest.mark.django_db(transaction=True)
def test_what_fails_after_the_commit_holds_up_nothing_that_follows(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []

    def fail(what: str) -> None:
        raise RuntimeError(what)

    with transaction.atomic():
        after_commit(done.append, "first")
        after_commit(fail, "broken")
        after_commit(done.append, "last")
        assert done == []
    after_commit(fail, "broken again")
    assert done == ["first", "last"]
    assert [record.exc_info is not None for record in caplog.records] == [True, True]


@pytest.mark.django_db(transaction=True)
def test_of_what_is_rolled_back_nothing_is_called() -> None:
    done: list[str] = []
    with transaction.atomic():
        after_commit(done.append, "first")
        transaction.set_rollback(True)
    assert done == []


def test_there_is_no_other_way() -> None:
    """Without `robust=True`, or with it and a partial on Django 5.2, what follows one that fails is dropped."""
    modules = {
        str(path.relative_to(BASE_DIR))
        for path in (BASE_DIR / "bridge").rglob("*.py")
        if re.search(r"transaction\.on_commit\(|robust=True", path.read_text())
    }
    assert modules == {"bridge/infra/database.py"}
