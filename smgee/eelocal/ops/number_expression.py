"""Arithmetic expressions on numbers, as text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from smgee.eelocal.engine.context import Context
from smgee.eelocal.engine.registry import call
from smgee.eelocal.engine.spec import signatures
from smgee.eelocal.errors import EEError
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.number import is_number, plain

__all__ = ["evaluate_numbers"]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<mark>\*\*|&&|\|\||==|!=|<=|>=|<<|>>|[-+*/%<>!^?:()\[\],.&|~]))"
)
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


def evaluate_numbers(context: Context, expression: str, variables: Mapping[str, Any]) -> Any:
    """Evaluate an expression with the operators of JavaScript, ``**`` for powers, and the functions of
    Number.

    Raises
    ------
    EEError
        For text that is no expression, and for names that are neither variables nor functions.
    """
    parser = _Parser(context, expression, variables)
    value = parser.ternary()
    if parser.peek() is not None:
        raise parser.error()
    if not is_number(value):
        raise EEError(f"The expression '{expression}' does not give a number.")
    return value


class _Parser:
    """A recursive descent parser that computes as it reads."""

    def __init__(self, context: Context, expression: str, variables: Mapping[str, Any]):
        self.context = context
        self.expression = expression
        self.variables = variables
        self.tokens: list[tuple[str, str]] = []
        self.at = 0
        position = 0
        text = expression.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise EEError(
                    f"Invalid expression '{expression}': unexpected '{text[position:].strip()[:20]}'."
                )
            kind = match.lastgroup or ""
            self.tokens.append((kind, match[kind]))
            position = match.end()

    def error(self) -> EEError:
        found = (
            f"unexpected '{self.tokens[self.at][1]}'" if self.at < len(self.tokens) else "it ends too early"
        )
        return EEError(f"Invalid expression '{self.expression}': {found}.")

    def peek(self) -> str | None:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else None

    def take(self, *marks: str) -> str | None:
        if (
            self.at < len(self.tokens)
            and self.tokens[self.at][0] == "mark"
            and self.tokens[self.at][1] in marks
        ):
            self.at += 1
            return self.tokens[self.at - 1][1]
        return None

    def expect(self, mark: str) -> None:
        if not self.take(mark):
            raise self.error()

    def call(self, name: str, arguments: list[Any]) -> Any:
        signature = signatures().get(f"Number.{name}")
        if signature is None:
            raise EEError(f"Unknown function '{name}' in the expression '{self.expression}'.")
        names = [a.name for a in signature.arguments]
        if len(arguments) > len(names):
            raise EEError(f"The function '{name}' takes {len(names)} arguments, got {len(arguments)}.")
        return call(self.context, f"Number.{name}", dict(zip(names, arguments)))

    def ternary(self) -> Any:
        condition = self.binary(0)
        if not self.take("?"):
            return condition
        yes = self.ternary()
        self.expect(":")
        no = self.ternary()
        return yes if condition != 0 else no

    def binary(self, level: int) -> Any:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while (mark := self.take(*_LEVELS[level])) is not None:
            left = self.call(_LEVELS[level][mark], [left, self.binary(level + 1)])
        return left

    def unary(self) -> Any:
        if self.take("-"):
            return self.call("multiply", [self.unary(), -1])
        if self.take("+"):
            return self.unary()
        if self.take("!"):
            return self.call("not", [self.unary()])
        if self.take("~"):
            return self.call("bitwiseNot", [self.unary()])
        base = self.postfix()
        return self.call("pow", [base, self.unary()]) if self.take("**") else base

    def postfix(self) -> Any:
        value = self.primary()
        while True:
            if self.take("."):
                if self.peek() is None or self.tokens[self.at][0] != "name":
                    raise self.error()
                value = self.child(value, self.tokens[self.at][1])
                self.at += 1
            elif self.take("["):
                key = self.ternary()
                self.expect("]")
                value = self.child(value, key)
            else:
                return value

    def child(self, value: Any, key: Any) -> Any:
        if isinstance(value, Array):
            value = value.tolist()
        if isinstance(value, dict) and key in value:
            return value[key]
        if isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
            return value[key]
        raise EEError(f"The expression '{self.expression}' asks for '{key}', which is not there.")

    def primary(self) -> Any:
        if self.take("("):
            value = self.ternary()
            self.expect(")")
            return value
        if self.at >= len(self.tokens):
            raise self.error()
        kind, text = self.tokens[self.at]
        if kind == "mark":
            raise self.error()
        self.at += 1
        if kind == "number":
            return int(text, 16) if text[:2] in ("0x", "0X") else plain(float(text))
        if kind == "text":
            return text[1:-1]
        if self.take("("):
            arguments: list[Any] = []
            while not self.take(")"):
                arguments.append(self.ternary())
                if not self.take(",") and self.peek() != ")":
                    raise self.error()
            return self.call(text, arguments)
        if text in self.variables:
            return self.variables[text]
        if text == "Math":
            return {"PI": math.pi, "E": math.e}
        raise EEError(f"Unknown variable '{text}' in the expression '{self.expression}'.")
