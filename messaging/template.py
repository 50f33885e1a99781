"""A template and a frame of people to one text each, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import jinja2
import polars as pl
from jinja2 import meta

from messaging.column_templates import WHITE_SPACE, ColumnTemplate, compile_to_columns
from messaging.definition import nearest
from messaging.schemas import RENDERED
from messaging.template_language import EmptyField, MessageEnvironment, TemplateError, guard, parse_template

__all__ = ["Template", "TemplateError", "compile_template"]

EMPTY_FIELD, RENDER_FAILED, EMPTY_TEXT = "empty_field", "render_failed", "empty_text"


@dataclass(frozen=True, slots=True)
class Template:
    """A checked template. fields_used: the columns it reads, by name."""

    source: str = field(repr=False)
    fields_used: tuple[str, ...]
    _by_row: jinja2.Template = field(repr=False)
    _by_column: ColumnTemplate | None = field(repr=False)

    def render(self, audience: pl.DataFrame) -> pl.DataFrame:
        """RENDERED, one row per row in the same order: a text, or null with the rule it broke.

        Rules: `empty_field` (a field is printed that is null or blank and has no default; detail: its name),
        `render_failed` (detail: the class of the error), `empty_text`. Line ends at the end of a text are cut off.
        """
        if not self.fields_used:
            return _the_same_for_all(self._rows(pl.DataFrame({"nobody": [""]})), audience)
        people = audience.select(_as_text(name) for name in self.fields_used)
        if self._by_column is None:
            return _finished(self._rows(people))
        return _finished(self._columns(people, self._by_column))

    def _columns(self, people: pl.DataFrame, template: ColumnTemplate) -> pl.DataFrame:
        rendered = people.select(
            text=pl.when(template.empty_field.is_null()).then(template.text),
            rule=pl.when(template.empty_field.is_not_null()).then(pl.lit(EMPTY_FIELD)),
            detail=template.empty_field,
        )
        if template.careful is None:
            return rendered
        careful = people.select(template.careful.arg_true()).to_series()
        if careful.is_empty():
            return rendered
        by_row = self._rows(people[careful])
        return rendered.with_columns(rendered[name].scatter(careful, by_row[name]) for name in RENDERED)

    def _rows(self, people: pl.DataFrame) -> pl.DataFrame:
        return pl.DataFrame(list(self._each(people)), schema=RENDERED, orient="row")

    def _each(self, people: pl.DataFrame) -> Iterator[tuple[str | None, str | None, str | None]]:
        # Jinja's documented low-level render function: half the cost of `render`, and no traceback that quotes values.
        template = self._by_row
        for values in people.iter_rows(named=True):
            try:
                text = "".join(template.root_render_func(template.new_context(values, shared=True)))
            except EmptyField as error:
                yield None, EMPTY_FIELD, error.field
            except Exception as error:  # noqa: BLE001 - what a row's values do to a template is data
                yield None, RENDER_FAILED, type(error).__name__
            else:
                yield text, None, None


def compile_template(source: str, *, fields: Iterable[str]) -> Template:
    """Check a template once for a campaign. fields: the columns that the source offers.

    Raises TemplateError for a mistake (with its line), for what the language does not have, and for a field that is
    not among `fields`.
    """
    environment = MessageEnvironment()
    tree = parse_template(environment, source)
    # Jinja folds constants in the tree whenever it looks through it, so each reader gets a fresh one or comes first.
    used = tuple(sorted(meta.find_undeclared_variables(environment.parse(source))))
    _refuse_unknown(used, sorted(fields))
    guarded = guard(tree)
    by_column = compile_to_columns(guarded, used)
    return Template(source, used, environment.from_string(guarded), by_column)


def _refuse_unknown(used: Iterable[str], known: list[str]) -> None:
    for name in used:
        if name in known:
            continue
        meant = nearest(name, known)
        has = ", ".join(known) or "none besides the number"
        hint = f"did you mean {meant}? It has: {has}." if meant else f"it has: {has}."
        raise TemplateError(f"the template names the field {name}, which the source does not have; {hint}")


def _as_text(name: str) -> pl.Expr:
    """A blank cell says as little as an empty one."""
    text = pl.col(name).cast(pl.String)
    is_blank = text.is_null() | (text.str.strip_chars(WHITE_SPACE) == "")
    return pl.when(is_blank).then(pl.lit("")).otherwise(text).alias(name)


def _the_same_for_all(one: pl.DataFrame, audience: pl.DataFrame) -> pl.DataFrame:
    same = _finished(one).row(0, named=True)
    columns = {name: pl.lit(value, dtype=pl.String) for name, value in same.items()}
    return audience.with_columns(**columns).select(list(RENDERED))


def _finished(rendered: pl.DataFrame) -> pl.DataFrame:
    """Cut line ends, and refuse what nobody could read."""
    text = pl.col("text").str.strip_chars_end("\r\n")
    is_blank = pl.col("text").str.strip_chars(WHITE_SPACE) == ""
    return rendered.select(
        text=pl.when(~is_blank).then(text),
        rule=pl.when(is_blank).then(pl.lit(EMPTY_TEXT)).otherwise("rule"),
        detail="detail",
    )
