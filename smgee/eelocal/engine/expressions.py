"""Expressions as text: one lexer and one grammar, for those on numbers and those on images.

The operators are JavaScript's, and ``**`` for powers. What an operator, a name or a call means is said by the
two readers that derive from `Reader`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

_TOKEN = re.compile(
    r"\s*(?:(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<mark>\*\*|&&|\|\||==|!=|<=|>=|<<|>>|[-+*/%<>!^?:()\[\],.=&|~]))"
)
# Binary operators from the weakest to the strongest; all group to the left except **.
_LEVELS: tuple[dict[str, str], ...] = (
    {"||": "or"},
    {"&&": "and"},
    {"|": "bitwiseOr"},
    {"^": "bitwiseXor"},
    {"&": "bitwiseAnd"},
    {"==": "eq", "!=": "neq"},
    {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"},
    {"<<": "leftShift", ">>": "rightShift"},
    {"+": "add", "-": "subtract"},
    {"*": "multiply", "/": "divide", "%": "mod"},
)
_PREFIXES = {"-": "negative", "+": "plus", "!": "not", "~": "bitwiseNot"}


@dataclass(frozen=True)
class Token:
    """A piece of an expression: kind ``number``, ``name``, ``text``, ``mark`` or ``end``, its text, where it
    begins.
    """

    kind: str
    text: str
    at: int


def number_in(text: str) -> int | float:
    """Return the number that a token of that kind states; whole numbers as int."""
    if text[:2] in ("0x", "0X"):
        return int(text, 16)
    return float(text) if any(c in text for c in ".eE") else int(text)


class Reader(ABC, Generic[T]):
    """A recursive descent reader: makes a `T` of every part of an expression, from the inside out.

    Parameters
    ----------
    expression : str
        The text.

    Raises
    ------
    EEError
        For text that is no expression.
    """

    def __init__(self, expression: str):
        self.expression = expression
        self.position = 0
        self.tokens: list[Token] = []
        text, at = expression.rstrip(), 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                raise self.error("Missing or extraneous input", f"'{text[at:].strip()[:20]}'", at)
            self.tokens.append(Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
            at = match.end()
        self.tokens.append(Token("end", "", len(text)))

    # What the parts mean.

    @abstractmethod
    def error(self, what: str, found: str | None = None, at: int | None = None) -> Exception:
        """Return the error of an expression that goes wrong at the next token, or where it is said."""

    @abstractmethod
    def number(self, value: int | float) -> T:
        """Return a literal."""

    @abstractmethod
    def choice(self, test: T, yes: T, no: T) -> T:
        """Return ``test ? yes : no``."""

    @abstractmethod
    def binary(self, name: str, left: T, right: T) -> T:
        """Return what a binary operator makes, under the name of its algorithm."""

    @abstractmethod
    def unary(self, name: str, value: T) -> T:
        """Return what ``negative``, ``not`` or ``bitwiseNot`` makes."""

    @abstractmethod
    def call(self, name: str) -> T:
        """Return a function's value; its opening bracket has been read."""

    @abstractmethod
    def access(self, name: str) -> T:
        """Return what a name, and whatever selects a part of it, stands for."""

    # The grammar.

    @property
    def token(self) -> Token:
        """The next token."""
        return self.tokens[self.position]

    def found(self, found: str | None) -> str:
        """Return how to speak of the next token, or of what else was found."""
        return found or (f"'{self.token.text}'" if self.token.kind != "end" else "the end")

    def take(self, *marks: str) -> str | None:
        """Return the next token's text and go on if it is one of these marks, else None."""
        if self.token.kind == "mark" and self.token.text in marks:
            self.position += 1
            return self.tokens[self.position - 1].text
        return None

    def expect(self, mark: str) -> None:
        """Go on behind a mark that must come now."""
        if self.take(mark) is None:
            raise self.error(f"'{mark}' expected")

    def list_until(self, end: str, item: Callable[[], object]) -> list[object]:
        """Return items, separated by commas, up to a closing mark."""
        items: list[object] = []
        while self.take(end) is None:
            items.append(item())
            if self.take(",") is None and self.token.text != end:
                raise self.error(f"'{end}' expected")
        return items

    def whole(self) -> T:
        """Return the whole expression."""
        value = self.ternary()
        if self.token.kind != "end":
            raise self.error("Missing operator or extraneous input")
        return value

    def ternary(self) -> T:
        """Read ``a ? b : c``, or what binds more strongly."""
        test = self._level(0)
        if self.take("?") is None:
            return test
        yes = self.ternary()
        self.expect(":")
        return self.choice(test, yes, self.ternary())

    def _level(self, depth: int) -> T:
        if depth == len(_LEVELS):
            return self._prefix()
        left = self._level(depth + 1)
        while (mark := self.take(*_LEVELS[depth])) is not None:
            left = self.binary(_LEVELS[depth][mark], left, self._level(depth + 1))
        return left

    def _prefix(self) -> T:
        mark = self.take(*_PREFIXES)
        if mark is None:
            base = self._primary()
            return base if self.take("**") is None else self.binary("pow", base, self._prefix())
        value = self._prefix()
        return value if mark == "+" else self.unary(_PREFIXES[mark], value)

    def _primary(self) -> T:
        if self.take("("):
            inner = self.ternary()
            self.expect(")")
            return self.selected(inner)
        token = self.token
        if token.kind == "number":
            self.position += 1
            return self.number(number_in(token.text))
        if token.kind != "name":
            raise self.error("A value expected")
        self.position += 1
        return self.selected(self.call(token.text) if self.take("(") else self.access(token.text))

    def selected(self, value: T) -> T:
        """Return a part of a value, where the text goes on to select one."""
        return value
