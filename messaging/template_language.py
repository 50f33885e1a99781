"""The part of Jinja2 that a text message needs: fields, filters, conditions. docs/templates.md is its reference.

Whoever may write a template may not run code, fill the memory or read a file with it, so what is not listed here is
refused when the campaign is read. Fields are text, and one that is missing is the empty text; printing an empty one
without a default is no "None" on somebody's phone but a reason to leave that person out (EmptyField).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from messaging.errors import TidingsError

PRESENT = (
    "_present"  # our guard around every field that is printed; no template can write it, see _KNOWN_FILTERS
)

_KNOWN_FILTERS = (
    "abs", "capitalize", "d", "default", "first", "float", "int", "last", "length", "lower", "replace", "round",
    "string", "title", "trim", "truncate", "upper",
)  # fmt: skip
_KNOWN_TESTS = (
    "defined", "divisibleby", "eq", "even", "ge", "gt", "in", "le", "lt", "ne", "none", "odd", "undefined",
)  # fmt: skip
_KNOWN_METHODS = (
    "capitalize", "endswith", "lower", "replace", "split", "startswith", "strip", "title", "upper",
)  # fmt: skip
_KNOWN_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.CondExpr,
    nodes.Filter, nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat,
    nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Pos,
    nodes.List, nodes.Tuple, nodes.Getitem, nodes.Slice, nodes.Getattr, nodes.Call, nodes.Keyword,
)  # fmt: skip


class TemplateError(TidingsError):
    """The template names first_nam, which is no column of the source; did you mean first_name?"""


class EmptyField(Exception):
    """A field is printed that is empty for this person."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class MessageEnvironment(ImmutableSandboxedEnvironment):
    """Jinja2 without loaders, globals and everything that is not listed above."""

    intercepted_binops = frozenset({"*", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False)
        self.globals.clear()
        self.filters = {name: self.filters[name] for name in _KNOWN_FILTERS}
        self.filters |= {"default": _default, "d": _default, PRESENT: _present}
        self.tests = {name: self.tests[name] for name in _KNOWN_TESTS}
        self.tests |= {"defined": _is_there, "undefined": _is_empty, "none": _is_empty}

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Between numbers only: a text times a billion, or '%999999999d', is a full memory."""
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise TypeError(f"{operator} stands between numbers")
        return super().call_binop(context, operator, left, right)


def parse_template(environment: MessageEnvironment, source: str) -> nodes.Template:
    """The checked syntax tree of a template. Raises TemplateError with the line of what is wrong."""
    try:
        tree = environment.parse(source)
    except TemplateSyntaxError as error:
        raise TemplateError(f"the template has a mistake in line {error.lineno}: {error.message}") from None
    for node in (tree, *tree.find_all(nodes.Node)):
        _check(node)
    return tree


def guard(tree: nodes.Template) -> nodes.Template:
    """The same tree, in which printing an empty field without a default raises EmptyField.

    A field in a condition, or with a default behind it, may be empty; so may one in a branch that is not taken.
    """
    tree.body = [_guarded_statement(node) for node in tree.body]
    return tree


def _default(value: Any, default_value: Any = "", _boolean: bool = True) -> Any:
    """Jinja's default, but an empty text counts as missing: that is how a missing value arrives from a file."""
    return default_value if _is_empty(value) else value


def _present(value: Any, field: str) -> Any:
    if _is_empty(value):
        raise EmptyField(field)
    return value


def _is_empty(value: Any) -> bool:
    return value is None or value == ""


def _is_there(value: Any) -> bool:
    return not _is_empty(value)


def _check(node: nodes.Node) -> None:
    if not isinstance(node, _KNOWN_NODES):
        tag = type(node).__name__.lower()
        raise TemplateError(
            f"the template has a '{tag}' in line {node.lineno}, which a text message cannot have; "
            "it takes {{ fields }}, filters, and {% if %} … {% elif %} … {% else %} … {% endif %}."
        )
    checks: tuple[tuple[type[nodes.Node], str, tuple[str, ...], str], ...] = (
        (nodes.Filter, "filter", _KNOWN_FILTERS, "name"),
        (nodes.Test, "test", _KNOWN_TESTS, "name"),
        (nodes.Getattr, "method", _KNOWN_METHODS, "attr"),
    )
    for kind, word, known, attribute in checks:
        name = getattr(node, attribute, None)
        if isinstance(node, kind) and name not in known:
            raise TemplateError(
                f"the template uses the {word} {name} in line {node.lineno}; known: {', '.join(known)}."
            )


def _guarded_statement(node: nodes.Node) -> nodes.Node:
    if isinstance(node, nodes.Output):
        node.nodes = [_guarded(child) for child in node.nodes]
    if isinstance(node, nodes.If):
        node.body = [_guarded_statement(child) for child in node.body]
        node.elif_ = [_guarded_elif(child) for child in node.elif_]
        node.else_ = [_guarded_statement(child) for child in node.else_]
    return node


def _guarded_elif(node: nodes.If) -> nodes.If:
    node.body = [_guarded_statement(child) for child in node.body]
    return node


def _guarded(node: Any) -> Any:
    """An expression that is printed, with the guard around the fields whose emptiness would show."""
    rule = _GUARDS.get(type(node))
    if rule is not None:
        return rule(node)
    for name, value in node.iter_fields():
        if isinstance(value, nodes.Expr):
            setattr(node, name, _guarded(value))
        elif isinstance(value, list):
            setattr(node, name, [_guarded(item) if isinstance(item, nodes.Node) else item for item in value])
    return node


def _guarded_name(node: nodes.Name) -> nodes.Expr:
    return _with_guard(node, node.name)


def _guarded_filter(node: nodes.Filter) -> nodes.Expr:
    if node.name not in {"default", "d"}:
        node.node = _guarded(node.node)
        node.args = [_guarded(argument) for argument in node.args]
        return node
    # A default that is a field itself may be empty as well; one that is written out is what its author wants.
    fallback = next((name for argument in (*node.args, *node.kwargs) for name in _names(argument)), None)
    return node if fallback is None else _with_guard(node, fallback)


def _guarded_choice(node: nodes.CondExpr) -> nodes.Expr:
    node.expr1 = _guarded(node.expr1)
    node.expr2 = _guarded(node.expr2) if node.expr2 is not None else None
    return node


def _guarded_right(node: nodes.Or | nodes.And) -> nodes.Expr:
    node.right = _guarded(node.right)
    return node


def _as_it_is(node: nodes.Expr) -> nodes.Expr:
    return node


_GUARDS: Mapping[type[nodes.Node], Callable[[Any], nodes.Expr]] = {
    nodes.Name: _guarded_name,
    nodes.Filter: _guarded_filter,
    nodes.CondExpr: _guarded_choice,
    nodes.Or: _guarded_right,
    nodes.And: _guarded_right,
    nodes.Not: _as_it_is,
    nodes.Test: _as_it_is,
    nodes.Compare: _as_it_is,
}


def _names(node: nodes.Node) -> list[str]:
    own = [node.name] if isinstance(node, nodes.Name) else []
    return own + [name.name for name in node.find_all(nodes.Name)]


def _with_guard(node: nodes.Expr, field: str) -> nodes.Filter:
    return nodes.Filter(
        node, PRESENT, [nodes.Const(field)], [], None, None, lineno=node.lineno, environment=node.environment
    )
