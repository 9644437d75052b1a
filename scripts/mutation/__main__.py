"""The run: copy, coverage, cosmic-ray for each module, and a table with what survived."""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkItem, WorkResult

ROOT = Path(__file__).resolve().parents[2]
CLIENT = Path(__file__).with_name("client.py")
TIMEOUT = 90.0
"""Seconds that the tests of one fault may take. What hangs is noticed, too."""
JOBS = os.cpu_count() or 1
# Those in processes of their own say nothing of the lines that they run, and pages in a browser take too long.
WHICH = ["-m", "not browser and not processes"]
CONTEXTS = ["--cov=bridge", "--cov-context=test", "--cov-report="]
TIMES = "times.xml"
"""How long each test took, beside the coverage. Not coverage.xml, see `measure`."""
# Each copy of the project has the same files.
CONFIGURATION = "[run]\nrelative_files = true\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__)
    parser.add_argument("modules", nargs="+", type=Path, help="files or folders below bridge/")
    parser.add_argument("--tests", nargs="*", default=[], help="run these for the coverage, not all")
    parser.add_argument("--fresh", action="store_true", help="make the coverage anew")
    parser.add_argument("--most", type=int, help="plant so many faults in a module, chosen at random")
    parser.add_argument("--seed", type=int, default=1, help="of that choice")
    options = parser.parse_args()
    place = ROOT / "var" / "mutation"
    coverage = place / "coverage"
    benches = [Bench(place / str(number)) for number in range(JOBS)]
    if options.fresh or not (coverage.exists() and coverage.with_name(TIMES).exists()):
        measure(benches[0].tree, coverage, options.tests)
    free: SimpleQueue[Bench] = SimpleQueue()

    def plant(module: Path) -> tuple[str, int, int]:
        bench = free.get()
        try:
            return bench.run(module, most=options.most, seed=options.seed)
        finally:
            free.put(bench)

    try:
        for bench in benches:
            bench.start(coverage)
            free.put(bench)
        with ThreadPoolExecutor(JOBS) as jobs:
            results = list(jobs.map(plant, modules_of(options.modules)))
    finally:
        for bench in benches:
            bench.stop()
    print(f"\n{'module':48} {'faults':>6} {'noticed':>8} {'survived':>9}")
    for module, faults, survived in results:
        print(f"{module:48} {faults:6} {faults - survived:8} {survived:9}")
    return 0


def copy_tree(tree: Path) -> None:
    """The files that git knows or would add, as they are now."""
    shutil.rmtree(tree, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        source = ROOT / name
        if source.is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, tree / name)


def measure(tree: Path, coverage: Path, tests: list[str]) -> None:
    print("Running the tests once, to see which of them run which lines.", flush=True)
    # Not coverage.ini: coverage begins by deleting all files called coverage.*.
    configuration = coverage.with_name("contexts.ini")
    configuration.write_text(CONFIGURATION)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", str(JOBS)]
    command += [
        *WHICH,
        *CONTEXTS,
        f"--cov-config={configuration}",
        f"--junit-xml={coverage.with_name(TIMES)}",
        *tests,
    ]
    environment = os.environ | {"COVERAGE_FILE": str(coverage)}
    # A test that fails here tells as much of where it was.
    ran = subprocess.run(command, cwd=tree, env=environment, check=False).returncode in {0, 1}
    if not ran or not coverage.exists():
        coverage.unlink(missing_ok=True)
        raise SystemExit("The tests did not run, so nothing is known of what covers a module.")


class Bench:
    """A copy of the project to plant faults in, and two pytests that fork for each fault: a start takes seconds, a fork
    none. One has all tests collected, the other its plug-ins loaded and nothing of the project."""

    def __init__(self, place: Path) -> None:
        self.place, self.tree = place, place / "tree"
        self._sockets = (place / "loaded", place / "bare")
        self._processes: list[subprocess.Popen[bytes]] = []
        place.mkdir(parents=True, exist_ok=True)
        copy_tree(self.tree)

    def start(self, coverage: Path) -> None:
        database = self.place / "database"
        database.unlink(missing_ok=True)
        on_it = {"DJANGO_SETTINGS_MODULE": "tests.settings", "TEST_DATABASE_URL": f"sqlite:///{database}"}
        migrate = [sys.executable, "manage.py", "migrate", "--run-syncdb", "--verbosity=0"]
        subprocess.run(migrate, cwd=self.tree, env=os.environ | on_it, check=True)
        for place in self._sockets:
            place.unlink(missing_ok=True)
            environment = os.environ | {
                "MUTATION_SOCKET": str(place),
                "MUTATION_COVERAGE": str(coverage),
                "MUTATION_TIMES": str(coverage.with_name(TIMES)),
                "MUTATION_DATABASE": str(database),
                "MUTATION_BARE": "1" if place.name == "bare" else "",
            }
            command = [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-x",
                "--tb=no",
                *WHICH,
                "-p",
                "scripts.mutation.forking",
            ]
            with (self.place / f"{place.name}.log").open("wb") as log:
                self._processes.append(
                    subprocess.Popen(command, cwd=self.tree, env=environment, stdout=log, stderr=log)
                )
        deadline = time.monotonic() + 300
        while not all(place.exists() for place in self._sockets):
            if any(each.poll() is not None for each in self._processes) or time.monotonic() > deadline:
                raise SystemExit("pytest did not come up.")
            time.sleep(0.1)

    def stop(self) -> None:
        for each in self._processes:
            each.terminate()
            each.wait()

    def run(self, module: Path, *, most: int | None, seed: int) -> tuple[str, int, int]:
        """Its name, the number of faults planted in it, and of those that survived."""
        session, config = self.place / "session.sqlite", self.place / "session.toml"
        session.unlink(missing_ok=True)
        client = [sys.executable, "-S", "-E", str(CLIENT), str(module), *map(str, self._sockets)]
        config.write_text(
            "[cosmic-ray]\n"
            f'module-path = "{module}"\n'
            f"timeout = {TIMEOUT}\n"
            "excluded-modules = []\n"
            f'test-command = "{" ".join(client)}"\n'
            "[cosmic-ray.distributor]\n"
            'name = "local"\n'
        )
        # Else each fault would be noticed by a test that fails anyway.
        if subprocess.run(client, check=False).returncode:
            print(f"The tests of {module} fail as it is, so they say nothing of its faults.", flush=True)
            return str(module), 0, 0
        cosmic_ray = [sys.executable, "-m", "scripts.mutation.cosmic"]
        subprocess.run([*cosmic_ray, "init", str(config), str(session)], cwd=self.tree, check=True)
        with use_db(str(session), mode=WorkDB.Mode.open) as work:
            types = annotated(self.tree / module)
            items = [each for each in work.work_items if position(each) not in types]
            if most is not None and len(items) > most:
                items = random.Random(f"{seed} {module}").sample(items, most)  # noqa: S311
            planted = {each.job_id for each in items}
            for each in list(work.work_items):
                if each.job_id not in planted:
                    work.set_result(each.job_id, WorkResult(WorkerOutcome.SKIPPED))
        subprocess.run([*cosmic_ray, "exec", str(config), str(session)], cwd=self.tree, check=True)
        with use_db(str(session), mode=WorkDB.Mode.open) as work:
            results = [result for job, result in work.results if job in planted]
        survivors = [result.diff for result in results if result.test_outcome == TestOutcome.SURVIVED]
        told = [f"{module}: {len(results)} faults, {len(survivors)} survived"]
        told += ["\n" + "\n".join((diff or "").splitlines()[2:]) for diff in survivors]
        print("\n".join(told), flush=True)
        return str(module), len(results), len(survivors)


def modules_of(paths: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        inside = path.resolve().relative_to(ROOT) if path.is_absolute() else path
        found += (
            sorted(each.relative_to(ROOT) for each in (ROOT / inside).rglob("*.py"))
            if (ROOT / inside).is_dir()
            else [inside]
        )
    return found


def position(item: WorkItem) -> tuple[int, int]:
    return item.mutations[0].start_pos


def annotated(module: Path) -> set[tuple[int, int]]:
    """Every position within a type annotation: a fault there is none for whoever runs the code."""
    found: set[tuple[int, int]] = set()
    text = module.read_text(encoding="utf-8")
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if annotation is not None:
                last = annotation.end_lineno
                found |= {
                    (line, column)
                    for line in range(annotation.lineno, last + 1)
                    for column in range(
                        annotation.col_offset if line == annotation.lineno else 0,
                        annotation.end_col_offset if line == last else len(lines[line - 1]),
                    )
                }
    return found


if __name__ == "__main__":
    sys.exit(main())
