"""What a file is by its bytes, whoever made it."""

from io import BytesIO

import pytest

from bridge.inspection.kinds import TEXT, kind_of


def kind(data: bytes) -> str:
    return kind_of(BytesIO(data))


@pytest.mark.parametrize(
    ("data", "found"),
    [
        # Before this was a scan, each of these took longer than the universe has time.
        (b" " * 8000 + b"x", TEXT),
        (b"\t\n" * 4000 + b"<x", TEXT),
        (b" " * 100_000 + b"x", TEXT),
        (b"<!---->" * 1100 + b"x", TEXT),
        (b"<!-- " * 1600, "text/html"),
        (b" <!-- --> " * 800 + b"x", TEXT),
        (b"<?xml ?>" * 1000 + b"x", "text/xml"),
        (b"<?xml ?> <!-- -->" * 400 + b"x", "text/xml"),
        (b"<!doctype" + b" " * 8000 + b"x", TEXT),
        (b"<!doctype " + b"a" * 8000, TEXT),
        (b"<" + b"a:" * 4000, TEXT),
        (b"<" * 8000, TEXT),
    ],
)
def test_no_bytes_are_worth_a_second_look(data: bytes, found: str) -> None:
    assert kind(data) == found


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"<html>", "text/html"),
        (b"\xef\xbb\xbf \n<!DOCTYPE html>", "text/html"),
        (b"<!-- a -- b --><!----> <SCRIPT>", "text/html"),
        (b"<!--" + b"x" * 9000 + b"--><html>", "text/html"),
        (b"<?xml version='1.0'?><!-- --><html xmlns='x'>", "text/html"),
        (b"<svg>", "image/svg+xml"),
        (b"<s:svg xmlns:s='x'>", "image/svg+xml"),
        (b"<?xml version='1.0'?><!DOCTYPE svg PUBLIC ''>", "image/svg+xml"),
        (b"<?xml version='1.0'?><feed/>", "text/xml"),
        (b"<3 you", TEXT),
        (b"<!-- a note --> and words", TEXT),
        (b"a <b>word</b>", TEXT),
    ],
)
def test_what_a_browser_would_run_is_known_by_its_first_element(data: bytes, found: str) -> None:
    assert kind(data) == found
