"""Data forms (XEP-0004): written for any client to show, read from whatever a client sends."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from hub.stanzas import escape

FORMS_NS = "jabber:x:data"
MAX_FIELDS = 32
"""Fields taken of a submitted form: ours have at most eight."""
MAX_VALUES = 64
"""Values taken of one field: as many as a scope or a list of rights may need."""
MAX_VALUE = 500
"""Characters of one value: as many as the registry takes of any text."""
MAX_CELL = 200
"""Characters of one cell of a table: a longer text is cut, so that a table stays far below what servers pass
on in one stanza."""
CUT = "…"
_FORM, _FIELD, _VALUE = (f"{{{FORMS_NS}}}{name}" for name in ("x", "field", "value"))


class BadForm(Exception):
    """What was sent is no form that could be an answer."""


class Kind(enum.StrEnum):
    """Field types (XEP-0004, 3.3) that are used here."""

    TEXT = "text-single"
    LINES = "text-multi"
    ONE_OF = "list-single"
    SOME_OF = "list-multi"


@dataclass(frozen=True, slots=True)
class Field:
    """One question: ``options`` are (value, label); ``values`` is what stands there beforehand."""

    name: str
    label: str
    kind: Kind = Kind.TEXT
    required: bool = False
    values: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """What a person is asked."""

    title: str
    fields: tuple[Field, ...]
    instructions: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """What a person is told: ``columns`` are (name, heading), each row has a cell for each."""

    title: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Values:
    """What was submitted, by field; of a field that was left empty there is nothing."""

    given: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """The value of a field with one; empty if it was left empty."""
        values = self.given.get(name, ())
        return values[0] if values else ""

    def many(self, name: str) -> tuple[str, ...]:
        """All values of a field."""
        return self.given.get(name, ())

    def joined(self, more: Values) -> Values:
        """Those of a later form too; the later ones count."""
        return Values({**self.given, **more.given})


def submitted(form: Element | None, asked: Form) -> Values:
    """Read an answer to ``asked``: only its fields, blanks around values left out.

    Raises BadForm for what is no form, is too large, or leaves out what is required.
    """
    if form is None:
        given: dict[str, tuple[str, ...]] = {one.name: one.values for one in asked.fields}
    elif form.tag != _FORM or form.get("type") != "submit":
        raise BadForm("the answer is not a submitted form")
    else:
        given = _values(form)
    known = {one.name: _fitting(one, given.get(one.name, ())) for one in asked.fields}
    for one in asked.fields:
        if one.required and not known[one.name]:
            raise BadForm(f"{one.label}: this is needed")
    return Values({name: values for name, values in known.items() if values})


def _values(form: Element) -> dict[str, tuple[str, ...]]:
    fields = form.findall(_FIELD)
    if len(fields) > MAX_FIELDS:
        raise BadForm(f"a form with more than {MAX_FIELDS} fields")
    given: dict[str, tuple[str, ...]] = {}
    for one in fields:
        values = [(value.text or "").strip() for value in one.findall(_VALUE)]
        if len(values) > MAX_VALUES or any(len(value) > MAX_VALUE for value in values):
            raise BadForm(f"at most {MAX_VALUES} values of {MAX_VALUE} characters are taken of a field")
        given[one.get("var", "")] = tuple(filter(None, values))
    return given


def _fitting(one: Field, values: tuple[str, ...]) -> tuple[str, ...]:
    if one.kind in (Kind.TEXT, Kind.ONE_OF) and len(values) > 1:
        raise BadForm(f"{one.label}: one value is wanted")
    if any(not value.isprintable() for value in values):
        raise BadForm(f"{one.label}: write it without control characters")
    return values


def form_xml(form: Form) -> str:
    """A form to fill in."""
    head = f"<title>{escape(form.title)}</title>"
    if form.instructions:
        head += f"<instructions>{escape(form.instructions)}</instructions>"
    fields = "".join(map(_field_xml, form.fields))
    return f'<x xmlns="{FORMS_NS}" type="form">{head}{fields}</x>'


def _field_xml(one: Field) -> str:
    inner = f"<desc>{escape(one.hint)}</desc>" if one.hint else ""
    inner += "<required/>" if one.required else ""
    inner += _values_xml(one.values)
    inner += "".join(
        f'<option label="{escape(label)}">{_values_xml((value,))}</option>' for value, label in one.options
    )
    return f'<field type="{one.kind}" var="{escape(one.name)}" label="{escape(one.label)}">{inner}</field>'


def table_xml(table: Table) -> str:
    """A result of many rows (XEP-0004, 3.4)."""
    heads = "".join(
        f'<field var="{escape(name)}" label="{escape(label)}" type="{Kind.TEXT}"/>'
        for name, label in table.columns
    )
    names = [name for name, _ in table.columns]
    rows = "".join(
        "<item>"
        + "".join(
            f'<field var="{escape(name)}">{_values_xml((cut(cell),))}</field>'
            for name, cell in zip(names, row, strict=True)
        )
        + "</item>"
        for row in table.rows
    )
    title = f"<title>{escape(table.title)}</title>"
    return f'<x xmlns="{FORMS_NS}" type="result">{title}<reported>{heads}</reported>{rows}</x>'


def _values_xml(values: Iterable[str]) -> str:
    return "".join(f"<value>{escape(value)}</value>" for value in values)


def cut(text: str) -> str:
    """A text for a cell: one that is too long ends in an ellipsis."""
    return text if len(text) <= MAX_CELL else text[: MAX_CELL - len(CUT)] + CUT
