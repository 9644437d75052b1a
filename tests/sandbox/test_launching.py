"""Whose sandbox listens where: a project finds its own, and never another's."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bridge.sandbox import launching
from bridge.sandbox.launching import Claim, StateInUse, launch, running

pytestmark = pytest.mark.processes


class Stopper:
    """Starts sandboxes, and ends them all."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []

    def launch(self, state: Path, *, port: int = 0) -> tuple[str, "subprocess.Popen[bytes] | None"]:
        url, process = launch(state, port=port)
        if process:
            self.processes.append(process)
        return url, process


@pytest.fixture
def sandboxes() -> Iterator[Stopper]:
    stopper = Stopper()
    yield stopper
    for process in stopper.processes:
        process.kill()
        process.wait()


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


@pytest.fixture
def agreeable() -> Iterator[int]:
    """The port of a server that answers everything with 200, and says yes in every way that it can think of."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"state": true, "url": "wss://gateway.example.com"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: the test's output stays readable."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_a_project_finds_its_own_sandbox_and_leaves_anothers_alone(
    tmp_path: Path, sandboxes: Stopper
) -> None:
    ours, theirs = tmp_path / "ours" / "sandbox.json", tmp_path / "theirs" / "sandbox.json"
    url, process = sandboxes.launch(theirs)
    other, _ = sandboxes.launch(ours, port=port_of(url))
    assert other != url
    assert running(ours) == other
    assert running(theirs) == url
    again, started = sandboxes.launch(theirs, port=port_of(other))
    assert (again, started) == (url, None)
    # Its port is another project's now: what it wrote down while it lived leads nobody there.
    assert process is not None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert running(theirs) is None
    (theirs.with_name("sandbox.json.lock")).write_text(str(port_of(other)))
    assert running(theirs) is None


def test_something_else_that_answers_is_no_sandbox(
    tmp_path: Path, sandboxes: Stopper, agreeable: int
) -> None:
    state = tmp_path / "sandbox.json"
    state.with_name("sandbox.json.lock").write_text(str(agreeable))
    assert running(state) is None
    url, process = sandboxes.launch(state, port=agreeable)
    assert process is not None
    assert port_of(url) != agreeable


@pytest.mark.parametrize("text", ["", "nonsense", "1", "0", "-1", "99999", "8787@example.com", "\0"])
def test_what_stands_beside_the_state_is_not_trusted(tmp_path: Path, text: str) -> None:
    (tmp_path / "sandbox.json.lock").write_text(text)
    assert running(tmp_path / "sandbox.json") is None


def test_two_sandboxes_never_share_a_state(tmp_path: Path) -> None:
    state = tmp_path / "sandbox.json"
    claim = Claim(state)
    with pytest.raises(StateInUse):
        Claim(state)
    command = [sys.executable, *launching.arguments(state, port=0)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert "Another sandbox uses" in second.stderr
    assert "Traceback" not in second.stderr
    claim.release()
    Claim(state).release()


def test_two_that_start_at_once_end_up_with_one(tmp_path: Path, sandboxes: Stopper) -> None:
    found: list[str] = []
    starting = [
        Thread(target=lambda: found.append(sandboxes.launch(tmp_path / "sandbox.json")[0])) for _ in range(3)
    ]
    for thread in starting:
        thread.start()
    for thread in starting:
        thread.join()
    assert len(found) == 3
    assert len(set(found)) == 1
