"""Arithmetic expressions on images as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from smgee.eelocal.engine.expressions import Reader, number_in
from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.ops.image_bands import select_bands
from smgee.eelocal.ops.image_math import BINARY, UNARY, binary, cast_band, integer_divide, unary
from smgee.eelocal.values.construct import as_image, constant_image, matched, spread
from smgee.eelocal.values.function import Function
from smgee.eelocal.values.image import Band, Image
from smgee.eelocal.values.nodes import Apply
from smgee.eelocal.values.pixeltype import BOOLEAN, NAMED_TYPES, PixelType

Env = Mapping[str, Any]
Step = Callable[[Env], Image]


class _Images(Reader[Step]):
    """Compiles to functions of the variables."""

    def __init__(self, expression: str, default: str, variables: list[str], *, free_bands: bool):
        self.default = default
        self.variables = frozenset(variables)
        self.free_bands = free_bands
        super().__init__(expression)

    def error(self, what: str, found: str | None = None, at: int | None = None) -> EEError:
        at = self.token.at if at is None else at
        return EEError(
            f"Image.parseExpression: {what} at {self.found(found)} (position {at}) "
            f"in: {self.expression[:200]}"
        )

    def whole(self) -> Step:
        """Return the whole expression; it may begin by naming its result (``name = …``)."""
        if not (self.token.kind == "name" and self.tokens[1].text == "="):
            return super().whole()
        name = self.token.text
        self.position = 2
        value = super().whole()

        def named(env: Env) -> Image:
            image = value(env)
            if len(image.bands) != 1:
                raise EEError(
                    f"Only a single band can be assigned a name; '{name}' would have {len(image.bands)}."
                )
            return image.with_bands([image.bands[0].renamed(name)])

        return named

    def number(self, value: int | float) -> Step:
        return lambda env: constant_image(value)

    def choice(self, test: Step, yes: Step, no: Step) -> Step:
        return lambda env: _choose(test(env), yes(env), no(env))

    def binary(self, name: str, left: Step, right: Step) -> Step:
        return _combine("xor" if name == "bitwiseXor" else name, left, right)

    def unary(self, name: str, value: Step) -> Step:
        if name == "negative":
            return lambda env: _binary("subtract", constant_image(0), value(env), name_from=1)
        return lambda env: _unary(name, value(env))

    def call(self, name: str) -> Step:
        if name == "b":
            selectors = self.list_until(")", self._selector)
            return lambda env: self.bands(env, self.default, selectors)
        arguments: list[Any] = self.list_until(")", self.ternary)
        if name in NAMED_TYPES and len(arguments) == 1:
            return lambda env: _cast(arguments[0](env), NAMED_TYPES[name])
        if name in UNARY and len(arguments) == 1:
            return lambda env: _unary(name, arguments[0](env))
        if name in BINARY and len(arguments) == 2:
            return _combine(name, *arguments)
        if name in ("min", "max") and len(arguments) > 2:
            step = arguments[0]
            for argument in arguments[1:]:
                step = _combine(name, step, argument)
            return step
        raise EEError(f"Image.parseExpression: Unknown function '{name}' of {len(arguments)} arguments.")

    def _selector(self) -> int | str:
        token = self.token
        if token.kind not in ("number", "text"):
            raise self.error("A band name or position expected")
        number = number_in(token.text) if token.kind == "number" else 0
        if not float(number).is_integer():
            raise self.error("A band name or position expected")
        self.position += 1
        return int(number) if token.kind == "number" else token.text[1:-1]

    def access(self, name: str) -> Step:
        if self.take("["):
            selectors = self.list_until("]", self._selector)
            return lambda env: self.bands(env, name, selectors)
        if self.take("."):
            if self.token.kind != "name":
                raise self.error("A band name expected")
            band = self.token.text
            self.position += 1
            return lambda env: self.bands(env, name, [band])
        if name in self.variables:
            return lambda env: _image(env, name)
        if self.free_bands:
            return lambda env: self.bands(env, self.default, [name])
        raise EEError(
            f"Image.parseExpression: The variable '{name}' is not among the arguments: "
            f"{', '.join(sorted(self.variables))}."
        )

    def bands(self, env: Env, name: str, selectors: list[Any]) -> Image:
        image = _image(env, name)
        return select_bands(image, selectors) if selectors else image


def _image(env: Env, name: str) -> Image:
    if env.get(name) is None:
        raise EEError(f"Image.parseExpression: The variable '{name}' has no value.")
    image = as_image(env[name])
    if image is NotImplemented:
        raise EEError(
            f"Image.parseExpression: The variable '{name}' must be an image, got {type(env[name]).__name__}."
        )
    return image


def _combine(name: str, left: Step, right: Step) -> Step:
    return lambda env: _binary(name, left(env), right(env))


def _binary(name: str, left: Image, right: Image, *, name_from: int = 0) -> Image:
    bands = []
    for band_name, a, b in matched(left, right):
        if (
            name == "divide"
            and a.type.is_int
            and b.type.is_int
            and not (a.type.dimensions or b.type.dimensions)
        ):
            band = _integer_quotient(a, b)
        elif name == "xor":
            band = a.holding(
                Apply(lambda x, y: (x != 0) != (y != 0), (a.node, b.node), BOOLEAN.dtype), BOOLEAN
            )
        else:
            band = binary(name, a, b)
        if name_from and len(right.bands) == 1:
            band_name = right.bands[0].name
        # A literal on the left has no place of its own.
        if a.projection.is_default and not b.projection.is_default:
            band = b.holding(band.node, band.type)
        bands.append(band.renamed(band_name))
    base = left if left.footprint is not None or right.footprint is None else right
    return base.computed(bands)


def _integer_quotient(a: Band, b: Band) -> Band:
    """In expressions, integers divide into integers."""
    kind = a.type.union(b.type)
    reach = max(abs(int(v)) for v in a.type.bounds)
    kind = kind.ranging(-reach if min(a.type.bounds[0], b.type.bounds[0]) < 0 else 0, reach)
    work = np.dtype("i8")
    return a.holding(
        Apply(lambda x, y: integer_divide(x.astype(work), y.astype(work)), (a.node, b.node), kind.dtype), kind
    )


def _unary(name: str, image: Image) -> Image:
    return image.computed([unary(name, b) for b in image.bands])


def _cast(image: Image, kind: PixelType) -> Image:
    return image.computed([cast_band(b, kind) for b in image.bands])


def _choose(test: Image, yes: Image, no: Image) -> Image:
    """Choose between two images by a third; the result exists where all three do."""
    count = max(len(test.bands), len(yes.bands), len(no.bands))
    longest = next(i for i in (yes, no, test) if len(i.bands) == count)
    bands = []
    rows = zip(
        longest.bands,
        spread(test, count, what="condition"),
        spread(yes, count, what="value"),
        spread(no, count, what="value"),
        strict=True,
    )
    for model, t, y, n in rows:
        kind = y.type.union(n.type)
        node = Apply(
            lambda c, a, b, d=kind.dtype: np.where(c != 0, a.astype(d), b.astype(d)),
            (t.node, y.node, n.node),
            kind.dtype,
        )
        place = next((b for b in (y, n, t) if not b.projection.is_default), y)
        bands.append(place.holding(node, kind, name=model.name))
    base = next((i for i in (yes, no, test) if i.footprint is not None), yes)
    return base.computed(bands)


def parse(
    expression: str, default: str, variables: list[str], *, free_bands: bool = False
) -> Callable[[Env], Image]:
    """Compile an expression to a function of its variables; `EEError` when the expression is malformed, or
    uses a variable that is not declared.
    """
    return _Images(expression, default, variables, free_bands=free_bands).whole()


@algorithm("Image.parseExpression")
def parse_expression(
    expression: str, argName: str, vars: list[str], mapFreeVarsToDefaultImageBands: bool
) -> Function:
    """Return an expression as a function of images."""
    if None in vars:
        raise EEError("Image.parseExpression: Parameter 'vars' holds a null; each of them names a variable.")
    step = parse(expression, argName, list(vars), free_bands=mapFreeVarsToDefaultImageBands)

    def body(arguments: dict[str, Any]) -> Image:
        try:
            return step(arguments)
        except EEError as error:
            raise error.prefixed("Image.parseExpression") from error

    return Function(tuple(vars), body)
