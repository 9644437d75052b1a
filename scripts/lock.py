"""`make lock`: pin what the project needs, with hashes, for every system and each Python from 3.11 on.

Each file in `locked/` names what it was made of by a digest, so that a test can say when it is stale.
"""

import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = "3.11"
# The widest first: what it pins binds the others, so that all have the same versions.
LOCKS = {
    "develop": ["requirements-dev.txt"],
    "run": ["requirements.txt", "requirements-sandbox.txt"],
    "server": ["requirements.txt"],
    "installer": ["requirements-installer.txt"],
}


def needed(name: str) -> list[str]:
    """The requirements of a file and of those that it names, without comments, in order."""
    lines = [
        line.partition(" #")[0].strip() for line in (TOP / name).read_text(encoding="utf-8").splitlines()
    ]
    found: list[str] = []
    for line in lines:
        if line.startswith("-r "):
            found += needed(line.removeprefix("-r ").strip())
        elif line and not line.startswith("#"):
            found.append(re.sub(r"\s+", " ", line))
    return sorted(set(found))


def head(names: list[str]) -> str:
    """The first line of a lock of these files, as they are now."""
    digest = sha256("\n".join(line for name in names for line in needed(name)).encode()).hexdigest()
    return f"# Made by `make lock`, of {' and '.join(names)}: {digest}\n"


def path_of(lock: str) -> Path:
    return TOP / "locked" / f"{lock}.txt"


def lock_all() -> None:
    widest: Path | None = None
    for lock, names in LOCKS.items():
        path = path_of(lock)
        path.parent.mkdir(exist_ok=True)
        bound = ["--constraint", str(widest)] if widest and lock != "installer" else []
        options = ["--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes", "--no-header"]
        options += ["--no-annotate", "--quiet", *bound, *names]
        made = subprocess.run(
            [sys.executable, "-m", "uv", "pip", "compile", *options],
            cwd=TOP,
            check=True,
            capture_output=True,
            text=True,
        )
        path.write_text(head(names) + made.stdout, encoding="utf-8")
        widest = widest or path


if __name__ == "__main__":
    lock_all()
