"""Every snippet in the docs runs, or is what it says it is. `pytest tests/test_snippets.py -k commands` for one page.

- `python` runs, the blocks of a page in one namespace, `await` allowed, with a database, a Valkey and the inbox
  `default`. One whose first line is a comment with the name of a file is this module for the blocks after it (the next
  one of that name goes on with it), or, where the project has such a file, must stand in it.
- `json` that is a frame is held against the protocol, the page's own commands and events included.
- `sh` calls programs, commands and targets that there are; `ini` is for a `.env`; `html` is a template; `js` parses;
  `http` has addresses that there are; `nginx` is run by tests/process/test_behind_nginx.py; `text` is a picture
  made of letters.
- A comment `<!-- python` … `-->` is run like a block and not seen: what the next one
  needs, or a look at what the last did.
- `<!-- not run: reason -->` before a block leaves it out.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.models import Inbox
from chatbridge_site.environment import BASE_DIR
from tests.snippets.checking import CHECKS
from tests.snippets.reading import Snippet, snippets
from tests.snippets.running import Python, without_trace

FOLLOWED = {"embedding.md": "tests/process/test_embedding.py does what it says, word for word"}
PAGES = [
    page
    for page in sorted(
        [*BASE_DIR.glob("*.md"), *BASE_DIR.glob("docs/*.md"), *BASE_DIR.glob("examples/*/*.md")]
    )
    if page.name not in FOLLOWED
]


@pytest.fixture
def python(valkey_url: str, transactional_db: None) -> Iterator[Python]:
    Inbox.objects.get_or_create(name="default")
    program = Python()
    with without_trace():
        yield program
        program.close()


def hold(snippet: Snippet, python: Python) -> None:
    """Raises where it is not so, with its place."""
    try:
        if snippet.language == "python":
            python.run(snippet)
        elif snippet.language in CHECKS:
            CHECKS[snippet.language](snippet)
        else:
            raise AssertionError(f"its language is none of python, {', '.join(CHECKS)}")
    except Exception as error:
        error.add_note(f"in {snippet}")
        raise


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(BASE_DIR)).lower())
def test_every_snippet_of_a_page_runs(page: Path, python: Python) -> None:
    for snippet in snippets(page):
        hold(snippet, python)


def page_with(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text)
    return page


@pytest.mark.parametrize(
    ("block", "trouble"),
    [
        ("```python\nfrom bridge import nothing\n```", "cannot import name"),
        ("```python\nawait no_such_thing()\n```", "no_such_thing"),
        ("<!-- python\nassert 1 == 2, 'sum'\n-->", "sum"),
        ("```\nmake run\n```", "its language is none of"),
        ("```sh\nmake coffee\n```", "make has no"),
        ("```sh\npython manage.py brew\n```", r"manage\.py has no brew"),
        ("```sh\n.venv/bin/python manage.py run_discord_bot --loudly\n```", "does not take --loudly"),
        ("```sh\nTEA=1 kettle\n```", "nobody here knows the program kettle"),
        ("```sh\nuvicorn chatbridge_site.asgi:application\n```", "--ws-max-size 65536"),
        (
            "```sh\nuvicorn --ws-max-size 65536 chatbridge_site.asgi:application\n```",
            "--ws-per-message-deflate false",
        ),
        (
            "```sh\nuvicorn --ws-max-size 65536 --ws-per-message-deflate false chatbridge_site.asgi:app\n```",
            "app",
        ),
        ("```sh\ncurl http://localhost:8000/nowhere/\n```", "nowhere"),
        (
            '```json\n{"command": "message.send", "id": "7", "payload": {"content": 5}}\n```',
            "no command is like",
        ),
        ('```json\n{"command": "tea.make", "id": "7"}\n```', "has no command:tea.make"),
        ('```json\n{"reply": "7", "ok": true, "payload": {"tea": 1}}\n```', "no reply is like"),
        ('```json\n{"event": "typing.started", "payload": {}}\n```', "no event is like"),
        ('```json\n{"tea": …}\n```', "Expecting value"),
        ("```ini\nTEA=1\n```", "there is no setting TEA"),
        ("```ini\nDISCORD_CHANNEL_ID=general\n```", "discord_channel_id"),
        ("```html\n{% load tea %}\n```", "tea"),
        ("```js\nconst tea = ;\n```", "Unexpected token"),
        ("```http\nGET /tea/ HTTP/1.1\n```", "tea"),
        ("```python\n# bridge/errors.py\nclass Tea: ...\n```", "is not what bridge/errors.py says"),
        ("1. In a list:\n\n   ```sh\n   make coffee\n   ```", "make has no"),
    ],
)
def test_a_snippet_that_is_not_so_is_found(tmp_path: Path, python: Python, block: str, trouble: str) -> None:
    (snippet,) = snippets(page_with(tmp_path, f"# A page\n\n{block}\n"))
    with pytest.raises(Exception, match=trouble) as found:
        hold(snippet, python)
    assert found.value.__notes__ == [f"in {snippet}"]
    assert snippet.line == (6 if block.startswith("1.") else 4)


def test_the_blocks_of_a_page_are_one_program_and_files_are_modules(tmp_path: Path, python: Python) -> None:
    text = """
```python
# tea/shop.py
PRICE = 3
```

```python
from tea.shop import PRICE
from bridge.models import Inbox

names = [inbox.name async for inbox in Inbox.objects.all()]
```

<!-- python
assert (names, PRICE) == (["default"], 3)
-->
"""
    found = list(snippets(page_with(tmp_path, text)))
    assert len(found) == 3
    for snippet in found:
        hold(snippet, python)


def test_what_is_left_out_has_a_short_reason(tmp_path: Path) -> None:
    block = "```nginx\nlisten 80;\n```\n"
    assert list(snippets(page_with(tmp_path, f"<!-- not run: it is for nginx -->\n{block}"))) == []
    with pytest.raises(AssertionError, match="too long"):
        list(snippets(page_with(tmp_path, f"<!-- not run: {'because ' * 9} -->\n{block}")))
    with pytest.raises(AssertionError, match="not there"):
        list(snippets(page_with(tmp_path, "<!-- not run: it is for nginx -->\n")))


def test_a_page_leaves_no_command_behind(tmp_path: Path) -> None:
    from bridge.live.registry import entries

    before = dict(entries)
    with without_trace():
        entries["tea.make"] = entries["ping"]
    assert entries == before
