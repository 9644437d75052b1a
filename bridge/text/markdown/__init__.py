"""The chat's markdown outside of the page: read once, shown as text or as HTML. Pure functions.

The page reads it by the same rules, in `static/bridge/text/markdown.js`; `tests/text/markdown.json` holds both to them.
No Python library has this dialect (markdown-it-py's rules are CommonMark's, and read most of its marks otherwise).
"""

from bridge.text.markdown.nodes import Node
from bridge.text.markdown.parsing import parse
from bridge.text.markdown.rendering import as_html, as_text
from bridge.text.markdown.writing import escaped, linked, outside_code

__all__ = ["Node", "as_html", "as_text", "escaped", "linked", "outside_code", "parse"]
