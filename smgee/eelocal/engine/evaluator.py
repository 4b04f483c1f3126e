"""Evaluation of Earth Engine's expression graphs.

The graph arrives as ``{"values": {key: ValueNode}, "result": key}``. It is compiled once into nodes that know
which function arguments they depend on, and evaluated with an explicit stack, so that a chain of any length
fits. A value is computed once per binding of the arguments it depends on: closures share what does not depend
on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from smgee.eelocal.engine.context import Context
from smgee.eelocal.engine.registry import call
from smgee.eelocal.errors import EEError
from smgee.eelocal.values.function import Function
from smgee.eelocal.values.number import plain


def evaluate(expression: Mapping[str, Any], context: Context) -> Any:
    """Evaluate an expression of the Cloud API.

    Parameters
    ----------
    expression : mapping
        ``values`` and ``result``, as `ee.serializer.encode` writes them; a bare ValueNode is accepted too.
    context : Context
        Assets and limits.

    Returns
    -------
    object
        A value of `smgee.eelocal.values`, or a plain Python number, string, list, dict or None.
    """
    graph = _Graph(expression, context)
    return graph.value(graph.result, _Frame({}, None))


class _Frame:
    """One binding of function arguments, with the values that depend on it."""

    __slots__ = ("arguments", "memo", "parent")

    def __init__(self, arguments: dict[str, Any], parent: _Frame | None):
        self.arguments = arguments
        self.parent = parent
        self.memo: dict[_Node, Any] = {}

    def home(self, free: frozenset[str]) -> _Frame:
        """Return the innermost frame on which a value with these free arguments depends."""
        frame = self
        while frame.parent is not None and not (free & frame.arguments.keys()):
            frame = frame.parent
        return frame

    def lookup(self, name: str) -> Any:
        frame: _Frame | None = self
        while frame is not None:
            if name in frame.arguments:
                return frame.arguments[name]
            frame = frame.parent
        raise EEError(f"The function argument '{name}' is not defined here.")


class _Node:
    """A compiled ValueNode: what it needs, and how the needs become its value."""

    __slots__ = ("build", "children", "free", "kind", "payload")

    def __init__(self, kind: str, children: Sequence[_Node] = (), payload: Any = None):
        self.kind = kind
        self.children = list(children)
        self.payload = payload
        self.free: frozenset[str] = frozenset()


class _Graph:
    def __init__(self, expression: Mapping[str, Any], context: Context):
        self.context = context
        if "values" not in expression or "result" not in expression:
            expression = {"values": {"0": expression}, "result": "0"}
        self.values = _mapping(expression["values"], "values")
        self.named: dict[str, _Node] = {}
        self.result = self._compile(_key(expression["result"], "result"))

    # -- compilation

    def _compile(self, result: str) -> _Node:
        """Compile every value reachable from `result`; references may form a graph of any depth, but no
        cycle.
        """
        order: list[_Node] = []
        pending = [result]
        while pending:  # every reachable key becomes a node first, references by identity
            key = pending.pop()
            if key in self.named:
                continue
            if key not in self.values:
                raise EEError(f"The expression refers to the value '{key}', which it does not hold.")
            self.named[key] = _Node("link")
            self.named[key].payload = self._parse(self.values[key], pending)
        for node in self.named.values():
            node.children = [node.payload]
        # Post-order over the graph, to find the free arguments of each node from those of its children.
        state: dict[_Node, int] = {}
        stack = [self.named[result]]
        while stack:
            node = stack[-1]
            if state.get(node) == 2:
                stack.pop()
                continue
            if state.get(node) == 1:
                state[node] = 2
                stack.pop()
                order.append(node)
                continue
            state[node] = 1
            for child in node.children:
                child = self.named[child.payload] if child.kind == "reference" else child
                if state.get(child) == 1:
                    raise EEError("The expression refers to itself.")
                if child not in state:
                    stack.append(child)
            node.children = [self.named[c.payload] if c.kind == "reference" else c for c in node.children]
        for node in order:
            free = frozenset().union(*(c.free for c in node.children)) if node.children else frozenset()
            if node.kind == "argument":
                free = frozenset([node.payload])
            elif node.kind == "function":
                free -= frozenset(node.payload)
            node.free = free
        return self.named[result]

    def _parse(self, value: Mapping[str, Any], pending: list[str]) -> _Node:
        """Turn one ValueNode into a node; what it refers to by key is added to `pending`."""
        if not isinstance(value, Mapping) or len(value) != 1:
            found = sorted(value) if isinstance(value, Mapping) else value
            raise EEError(f"A value of the expression must have exactly one kind, got {found!r}.")
        ((kind, body),) = value.items()
        if kind == "constantValue":
            return _Node("constant", payload=_literal(body))
        if kind == "integerValue":
            try:
                return _Node("constant", payload=int(body))
            except (TypeError, ValueError, OverflowError) as error:
                raise EEError(f"An integerValue must be an integer, got {body!r}.") from error
        if kind == "bytesValue":
            return _Node("constant", payload=body)
        if kind == "valueReference":
            pending.append(_key(body, kind))
            return _Node("reference", payload=body)
        if kind == "argumentReference":
            return _Node("argument", payload=_key(body, kind))
        if kind not in _WITH_FIELDS:
            raise EEError(f"The expression holds a value of unknown kind '{kind}'.")
        body = _mapping(body, kind)
        if kind == "arrayValue":
            items = body.get("values", [])
            if not isinstance(items, list):
                raise EEError("The values of an arrayValue must be a list.")
            return _Node("array", [self._parse(v, pending) for v in items])
        if kind == "dictionaryValue":
            entries = _mapping(body.get("values", {}), "values")
            return _Node("dictionary", [self._parse(v, pending) for v in entries.values()], list(entries))
        if kind == "functionDefinitionValue":
            inside, names = _key(body.get("body"), "body"), body.get("argumentNames", [])
            if not isinstance(names, list):
                raise EEError("The argumentNames of a function must be a list.")
            pending.append(inside)
            named = [_key(name, "argumentNames") for name in names]
            return _Node("function", [_Node("reference", payload=inside)], named)
        arguments = _mapping(body.get("arguments", {}), "arguments")
        children = [self._parse(v, pending) for v in arguments.values()]
        if "functionName" in body:
            name = _key(body["functionName"], "functionName")
            if name == "If":
                return _Node("if", children, list(arguments))
            return _Node("call", children, (name, list(arguments)))
        function = _key(body.get("functionReference"), "functionReference")
        pending.append(function)
        return _Node("apply", [_Node("reference", payload=function), *children], list(arguments))

    # -- evaluation

    def value(self, node: _Node, frame: _Frame) -> Any:
        """Evaluate a node under a binding; every step is on the explicit stack."""
        home = frame.home(node.free)
        if node in home.memo:
            return home.memo[node]
        stack = [(node, home)]
        while stack:
            current, at = stack[-1]
            if current in at.memo:
                stack.pop()
                continue
            missing = [(c, h) for c, h in self._needs(current, at) if c not in h.memo]
            if missing:
                stack.extend(reversed(missing))
                continue
            at.memo[current] = self._step(current, at)
            stack.pop()
        return home.memo[node]

    def _needs(self, node: _Node, frame: _Frame) -> list[tuple[_Node, _Frame]]:
        if node.kind in ("function", "constant", "argument"):
            return []
        if node.kind == "if":
            return self._branch(node, frame)
        return [(c, frame.home(c.free)) for c in node.children]

    def _branch(self, node: _Node, frame: _Frame) -> list[tuple[_Node, _Frame]]:
        """Return the condition of an If and, once that is known, the branch it selects."""
        named = dict(zip(node.payload, node.children, strict=True))
        needs = []
        condition = named.get("condition")
        truth = False
        if condition is not None:
            home = frame.home(condition.free)
            needs.append((condition, home))
            if condition not in home.memo:
                return needs
            truth = _is_true(home.memo[condition])
        chosen = named.get("trueCase" if truth else "falseCase")
        if chosen is not None:
            needs.append((chosen, frame.home(chosen.free)))
        return needs

    def _step(self, node: _Node, frame: _Frame) -> Any:
        """Compute a node whose needs are all in their frames' memos."""
        if node.kind == "constant":
            return node.payload
        if node.kind == "argument":
            return frame.lookup(node.payload)
        if node.kind == "function":
            return Function(tuple(node.payload), self._closure(node, frame))
        values = [h.memo[c] for c, h in self._needs(node, frame)]
        if node.kind == "link":
            return values[0]
        if node.kind == "array":
            return values
        if node.kind == "dictionary":
            return dict(zip(node.payload, values, strict=True))
        if node.kind == "if":
            # A condition or a branch that is null is not sent.
            given = "condition" in node.payload
            return values[-1] if len(values) > given else None
        if node.kind == "call":
            name, names = node.payload
            return call(self.context, name, dict(zip(names, values, strict=True)))
        function, *rest = values
        if not isinstance(function, Function):
            raise EEError(f"A function was expected, got {type(function).__name__}.")
        return function.named(dict(zip(node.payload, rest, strict=True)))

    def _closure(self, node: _Node, frame: _Frame) -> Callable[[dict[str, Any]], Any]:
        body = node.children[0]
        return lambda arguments: self.value(body, _Frame(arguments, frame))


_WITH_FIELDS = ("arrayValue", "dictionaryValue", "functionDefinitionValue", "functionInvocationValue")


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise EEError(f"In the expression '{what}' must be an object, got {type(value).__name__}.")
    return value


def _key(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise EEError(f"In the expression '{what}' must be a string, got {type(value).__name__}.")
    return value


def _literal(value: Any) -> Any:
    """Return a constant as the service reads it.

    JSON has one kind of number, so a whole one is an integer however it is written.
    """
    if isinstance(value, float):
        return plain(value)
    if isinstance(value, list):
        return [_literal(v) for v in value]
    if isinstance(value, Mapping):
        return {k: _literal(v) for k, v in value.items()}
    return value


def _is_true(value: Any) -> bool:
    """Earth Engine's truth: null, false, 0, NaN, and the empty string, list or dictionary are false."""
    if value is None or value is False:
        return False
    if isinstance(value, (int, float)):
        return value != 0 and value == value
    if isinstance(value, (str, list, dict)):
        return len(value) > 0
    return True
