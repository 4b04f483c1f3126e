"""Arithmetic expressions on numbers, as text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from smgee.eelocal.engine.context import Context
from smgee.eelocal.engine.expressions import Reader
from smgee.eelocal.engine.registry import call
from smgee.eelocal.engine.spec import signatures
from smgee.eelocal.errors import EEError
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.number import is_number, plain


def evaluate_numbers(context: Context, expression: str, variables: Mapping[str, Any]) -> Any:
    """Evaluate an expression of numbers, variables and the functions of Number; `EEError` for text that is no
    expression, and for names that are neither variables nor functions.
    """
    value = _Numbers(context, expression, variables).whole()
    if not is_number(value):
        raise EEError(f"The expression '{expression}' does not give a number.")
    return value


class _Numbers(Reader[Any]):
    """Computes as it reads."""

    def __init__(self, context: Context, expression: str, variables: Mapping[str, Any]):
        self.context = context
        self.variables = variables
        super().__init__(expression)

    def error(self, what: str, found: str | None = None, at: int | None = None) -> EEError:
        at = self.token.at if at is None else at
        return EEError(
            f"Invalid expression '{self.expression}': {what} at {self.found(found)} (position {at})."
        )

    def apply(self, name: str, *arguments: Any) -> Any:
        signature = signatures().get(f"Number.{name}")
        if signature is None:
            raise EEError(f"Unknown function '{name}' in the expression '{self.expression}'.")
        names = [a.name for a in signature.arguments]
        if len(arguments) > len(names):
            raise EEError(f"The function '{name}' takes {len(names)} arguments, got {len(arguments)}.")
        return call(self.context, f"Number.{name}", dict(zip(names, arguments)))

    def number(self, value: int | float) -> Any:
        return plain(float(value)) if isinstance(value, float) or abs(value) >= 2**53 else value

    def choice(self, test: Any, yes: Any, no: Any) -> Any:
        return yes if test != 0 else no

    def binary(self, name: str, left: Any, right: Any) -> Any:
        return self.apply(name, left, right)

    def unary(self, name: str, value: Any) -> Any:
        return self.apply("multiply", value, -1) if name == "negative" else self.apply(name, value)

    def call(self, name: str) -> Any:
        return self.apply(name, *self.list_until(")", self.ternary))

    def access(self, name: str) -> Any:
        if name in self.variables:
            return self.variables[name]
        if name == "Math":
            return {"PI": math.pi, "E": math.e}
        raise EEError(f"Unknown variable '{name}' in the expression '{self.expression}'.")

    def selected(self, value: Any) -> Any:
        while True:
            if self.take("."):
                if self.token.kind != "name":
                    raise self.error("A name expected")
                self.position += 1
                value = self._child(value, self.tokens[self.position - 1].text)
            elif self.take("["):
                if self.token.kind == "text":
                    self.position += 1
                    key: Any = self.tokens[self.position - 1].text[1:-1]
                else:
                    key = self.ternary()
                self.expect("]")
                value = self._child(value, key)
            else:
                return value

    def _child(self, value: Any, key: Any) -> Any:
        if isinstance(value, Array):
            value = value.tolist()
        if isinstance(value, dict) and key in value:
            return value[key]
        if isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
            return value[key]
        raise EEError(f"The expression '{self.expression}' asks for '{key}', which is not there.")
