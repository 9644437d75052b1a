"""What a process that serves the chat keeps in memory does not grow with what it has done."""

import ast
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bridge
from bridge.infra.memory import ARENAS, LARGE
from bridge.text import lookalikes

THREADS = 40
PRINT_HEAPS = f"""
import ctypes, threading
together = threading.Barrier({THREADS})
def work():
    held = bytearray({LARGE} // 2)
    together.wait(60)
threads = [threading.Thread(target=work) for _ in range({THREADS})]
for each in threads:
    each.start()
for each in threads:
    each.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
libc.fclose.argtypes, libc.malloc_info.argtypes = [ctypes.c_void_p], [ctypes.c_int, ctypes.c_void_p]
file = libc.fopen(b"/dev/stdout", b"w")
libc.malloc_info(0, file)
libc.fclose(file)
"""
SERVE = "import chatbridge_site.asgi\n"
ROOT = Path(__file__).resolve().parents[2]


def heaps_of(program: str, folder: Path) -> int:
    """How many heaps the C library made for many threads at once."""
    env = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "x" * 60,
        "ENV_FILE": "",
        "VAR_DIR": str(folder),
        # Nothing is asked of it: a process of its own would be started otherwise.
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.count("<heap nr=")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="no other C library has heaps by thread")
def test_however_many_threads_served_the_c_library_has_two_heaps(tmp_path: Path) -> None:
    # What each has freed stays with it: these are what a server grew by.
    assert heaps_of(PRINT_HEAPS, tmp_path) > ARENAS
    assert heaps_of(SERVE + PRINT_HEAPS, tmp_path) <= ARENAS


def endless_caches() -> Iterator[str]:
    """Functions with arguments whose results are all kept."""
    for path in sorted(Path(bridge.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.args.args:
                decorators = {ast.unparse(each) for each in node.decorator_list}
                if decorators & {"cache", "functools.cache", "lru_cache(None)", "lru_cache(maxsize=None)"}:
                    yield f"{path.stem}.{node.name}"


def test_no_cache_grows_with_what_visitors_send() -> None:
    # By classes of ours, of which no visitor makes one.
    assert set(endless_caches()) == {"described._adapter", "door._numbers"}


def test_every_character_of_unicode_in_a_nick_is_not_remembered_for_good() -> None:
    for start in range(0x21, 0x2FFFF, 500):
        lookalikes.key_of(
            "".join(map(chr, range(start, min(start + 500, 0x30000)))).encode(errors="replace").decode()
        )
    for function in (lookalikes._lettered, lookalikes._by_capital, lookalikes._by_itself):
        assert function.cache_info().currsize <= lookalikes.CHARACTERS
