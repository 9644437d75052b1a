"""Odd values: what a JSON Schema asks for, and then something else in some place of it."""

import json
import random
import uuid
from collections.abc import Callable
from typing import Any

WORDS = (
    "", " ", "a", "0", "-1", "null", "ünï", "日本語", "שלום", "مرحبا", "ไทย", "👩‍👩‍👧‍👦",
    "\u202eabc", "\u200b", "\u034f",
    "\ufeffx", "a\u0000b", "\x1b[2J", "\r\n\r\n", "../../etc/passwd", "%00", "%ff%fe",
    "<script>alert(1)</script>",
    "' OR 1=1 --", "{{7*7}}", "${jndi:ldap://x}", "@everyone", "<@1>", "[x](javascript:1)", "```", "> " * 200,
    "*" * 3000,

    "[" * 2000, "(" * 2000 + ")" * 2000, " " * 4000 + "x", "\n" * 4000, "a" * 4001, "😀" * 4000, "z\u0301\u0301" * 900,
    "http://[::1", "https://日本.example/%zz", "1" * 400, "9" * 5000,
    "1e999", "NaN", "2026-02-30T25:61:61Z",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999+14:00", "default", "lobby", "message.send",
)  # fmt: skip
NUMBERS = (0, -0.0, 1, -1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**400, 0.1, 1e308, 5e-324)
SURROGATES = (
    '"\\ud800"',
    '"\\udfff\\ud800"',
    '"\\u0000"',
    "NaN",
    "-Infinity",
    "1e400",
    "00",
    '"\\x"',
    "01",
    "[1,]",
    "{",
)


class Hostile:
    """One stream of them, the same again for the same seed."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.known: dict[str, list[Any]] = {}
        """By the name of a field: values that the server gave, with which a mutated command gets further."""

    def word(self) -> str:
        return self.chance.choice(WORDS)

    def learn(self, found: Any) -> None:
        """Remember what may be sent back: ids and keys, some hundred of each."""
        waiting = [found]
        while waiting:
            each = waiting.pop()
            if isinstance(each, dict):
                for name, value in each.items():
                    if isinstance(value, str | int) and name in {
                        "uid",
                        "connection",
                        "seq",
                        "token",
                        "key",
                        "room",
                        "nick",
                    }:
                        kept = self.known.setdefault(name, [])
                        if len(kept) < 300:
                            kept.append(value)
                        else:
                            kept[self.chance.randrange(300)] = value
                    else:
                        waiting.append(value)
            elif isinstance(each, list):
                waiting.extend(each[:20])

    def like(self, schema: dict[str, Any], *, name: str = "", root: dict[str, Any] | None = None) -> Any:
        """A value of this JSON Schema, more or less."""
        root = root or schema
        if "$ref" in schema:
            schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self.chance.choice(schema["enum"])
        if "anyOf" in schema:
            return self.like(self.chance.choice(schema["anyOf"]), name=name, root=root)
        make: dict[str, Callable[[], Any]] = {
            "object": lambda: {
                key: self.like(value, name=key, root=root)
                for key, value in schema.get("properties", {}).items()
                if key in schema.get("required", ()) or self.chance.random() < 0.6
            },
            "array": lambda: [
                self.like(schema.get("items", {}), name=name, root=root)
                for _ in range(self.chance.choice((0, 1, 1, 2, 9)))
            ],
            "integer": lambda: self.chance.choice(self.known.get(name) or [0, 1, 2, 50]),
            "number": lambda: self.chance.random(),
            "boolean": lambda: self.chance.random() < 0.5,
            "null": lambda: None,
        }
        return make.get(str(schema.get("type")), lambda: self._text(schema, name))()

    def _text(self, schema: dict[str, Any], name: str) -> str:
        if schema.get("format") == "uuid":
            kind = "connection" if name == "connection" else "uid"
            known = self.known.get(kind)
            return (
                str(self.chance.choice(known)) if known and self.chance.random() < 0.8 else str(self._uuid())
            )
        known = self.known.get(name)
        if known and self.chance.random() < 0.5:
            return str(self.chance.choice(known))
        return self.word()[: schema.get("maxLength", 4000)] or "x"

    def _uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self.chance.getrandbits(128), version=4)

    def mutated(self, value: Any) -> Any:
        """The same with something else in one place of it."""
        if isinstance(value, dict) and value and self.chance.random() < 0.8:
            name = self.chance.choice(list(value))
            changed = dict(value)
            match self.chance.randrange(5):
                case 0:
                    del changed[name]
                case 1:
                    changed[self.word()[:200]] = self.odd()
                case _:
                    changed[name] = self.mutated(value[name])
            return changed
        if isinstance(value, list) and value and self.chance.random() < 0.7:
            place = self.chance.randrange(len(value))
            return [*value[:place], self.mutated(value[place]), *value[place + 1 :]] * self.chance.choice(
                (1, 1, 1, 30)
            )
        if isinstance(value, str) and value and self.chance.random() < 0.5:
            place = self.chance.randrange(len(value) + 1)
            return value[:place] + self.word() + value[place:]
        return self.odd()

    def odd(self) -> Any:
        match self.chance.randrange(8):
            case 0:
                return self.chance.choice(NUMBERS)
            case 1:
                return self.chance.choice((None, True, False, [], {}, [[]], {"": {}}))
            case 2:
                return self.deep(self.chance.choice((3, 50, 300)))
            case 3:
                return [self.word() for _ in range(self.chance.choice((1, 20)))]
            case 4:
                return {self.word()[:50]: self.word() for _ in range(3)}
            case _:
                return self.word()

    def deep(self, depth: int) -> Any:
        value: Any = 1
        for _ in range(depth):
            value = [value] if depth % 2 else {"a": value}
        return value

    def text(self, value: Any) -> bytes:
        """As JSON; now and then as none, or with what only a program of somebody's own writes."""
        body = json.dumps(value, ensure_ascii=self.chance.random() < 0.5)
        dice = self.chance.random()
        if dice < 0.04:
            body = body.replace('"x"', self.chance.choice(SURROGATES), 1).replace(
                ": ", ": " + self.chance.choice(SURROGATES), 1
            )
        elif dice < 0.05:
            body = "[" * 30_000
        elif dice < 0.06:
            body = '{"a":' * 8_000 + "1" + "}" * 8_000
        data = body.encode("utf-8", "surrogatepass")
        return self.scrambled(data) if dice > 0.95 else data

    def scrambled(self, data: bytes) -> bytes:
        """Some bytes of it changed, lost or doubled."""
        changed = bytearray(data or b"\0")
        for _ in range(self.chance.choice((1, 3, 20))):
            place = self.chance.randrange(len(changed))
            match self.chance.randrange(3):
                case 0:
                    changed[place] = self.chance.randrange(256)
                case 1:
                    changed[place:place] = changed[: self.chance.randrange(1, 40)]
                case _ if len(changed) > 1:
                    del changed[place]
        return bytes(changed)
