"""The chat's markdown outside the page: parsed, then rendered as text or as HTML. Pure functions.

The page has the same rules in `static/bridge/text/markdown.js`; `tests/text/markdown.json` tests both.
No Python library has this dialect (markdown-it-py follows CommonMark, where most marks have other meanings).
"""

from bridge.text.markdown.nodes import Node
from bridge.text.markdown.parsing import parse
from bridge.text.markdown.rendering import as_html, as_text
from bridge.text.markdown.writing import escaped, linked, outside_code

__all__ = ["Node", "as_html", "as_text", "escaped", "linked", "outside_code", "parse"]
