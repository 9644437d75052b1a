"""The same tests on PostgreSQL, where transactions really run beside each other."""

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection

from tests import postgres


@pytest.mark.postgres
@pytest.mark.timeout(600)
def test_the_socket_and_the_writer_keep_their_promises_on_postgresql(postgres_server: str) -> None:
    if connection.vendor == "postgresql":
        pytest.skip("they run on it already")
    tests = [f"tests/web/test_{name}.py" for name in ("writer", "conversation")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            "TEST_DATABASE_URL": postgres_server,
            "TEST_DATABASE_TEMPLATE": postgres.template(postgres_server),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert "skipped" not in done.stdout.splitlines()[-1]
