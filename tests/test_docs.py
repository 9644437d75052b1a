"""What the docs say can be wrong, so it is tested: links, commands, lengths, the version."""

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

import bridge
from chatbridge_site.environment import BASE_DIR

PAGES = sorted([*BASE_DIR.glob("*.md"), *BASE_DIR.glob("docs/*.md"), *BASE_DIR.glob("examples/*/*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def slug(heading: str) -> str:
    """A heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def broken(page: Path) -> list[str]:
    found = []
    for link in LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = unquote(link).partition("#")
        target = page.parent / file if file else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(BASE_DIR)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A heading\n[a](other.md) [b](#a-heading) [c](#none) [d](page.md) [e](https://example.com)"
    )
    assert broken(page) == ["other.md", "#none"]


def test_the_readme_is_short_and_leads_to_the_docs() -> None:
    text = (BASE_DIR / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    links = LINK.findall(text)
    for page in ("protocol", "settings", "operating", "architecture"):
        assert f"docs/{page}.md" in links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(BASE_DIR)))
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    makefile = (BASE_DIR / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", page.read_text(encoding="utf-8"))) <= targets


def test_the_version_is_the_changelogs_first() -> None:
    text = (BASE_DIR / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n## {bridge.__version__}" in text
    assert re.fullmatch(r"\d+\.\d+\.\d+", bridge.__version__)


def test_make_help_lists_the_two_commands() -> None:
    shown = subprocess.run(["make", "help"], cwd=BASE_DIR, capture_output=True, text=True, check=True).stdout
    assert re.search(r"^run ", shown, re.MULTILINE)
    assert re.search(r"^test ", shown, re.MULTILINE)
