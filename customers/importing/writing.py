"""The statements that turn staged rows into customers: one per kind of write and chunk, whatever its size.

They are made once for a run, from the attributes and the matched columns, and prepared by the connection.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from psycopg import sql

from customers.importing.options import Options
from customers.importing.planning import Conflict
from customers.models import Attribute
from customers.models.attribute import storage_of
from customers.models.customer import to_column
from customers.schema import Schema
from customers.values import Value

_TYPES = {"text": "text", "number": "numeric", "time": "timestamptz"}


@dataclass(frozen=True)
class Statements:
    """The writes of one run. ``mapped`` are the attributes that the file has columns for."""

    schema: Schema
    mapped: Sequence[Attribute]
    options: Options

    @cached_property
    def _defaults(self) -> Mapping[str, Value]:
        return self.schema.defaults

    @cached_property
    def _mapped_keys(self) -> frozenset[str]:
        return frozenset(attribute.key for attribute in self.mapped)

    @cached_property
    def _chosen(self) -> sql.Composed:
        """The chosen lines, each fetched by its key.

        OFFSET keeps the planner from joining otherwise: the statistics of the staging table are always those of a
        moment ago, and by them it has read all lines of the file for every chunk.
        """
        return sql.SQL(
            "FROM unnest(%(ids)s::uuid[], %(lines)s::int[]) AS w(id, line) CROSS JOIN LATERAL"
            " (SELECT {columns} FROM customers_importline l"
            " WHERE l.run_id = %(run)s AND l.line = w.line OFFSET 0) AS s"
        ).format(columns=_listed([sql.Identifier("l", item.column) for item in self.mapped]))

    def _type(self, attribute: Attribute) -> sql.SQL:
        return sql.SQL("text[]" if attribute.is_list else _TYPES[storage_of(attribute.kind)])

    def _fresh(self, attribute: Attribute) -> sql.Composable:
        """The value that a new profile has: what the row gives, else the default (C12)."""
        default: Any = to_column(self._defaults.get(attribute.key), attribute.kind)
        empty = sql.SQL("{}::{}").format(sql.Literal(default), self._type(attribute))
        if attribute.key not in self._mapped_keys:
            return empty
        given = sql.Identifier("s", attribute.column)
        return given if default is None else sql.SQL("coalesce({}, {})").format(given, empty)

    def _updated(self, attribute: Attribute) -> sql.Composable:
        """The value after an update: what the row gives, else what is stored (C62)."""
        given = sql.Identifier("s", attribute.column)
        if not self.options.empty_cells_clear:
            return sql.SQL("coalesce({}, {})").format(given, sql.Identifier("c", attribute.column))
        return sql.SQL("coalesce({}, '{{}}')").format(given) if attribute.is_list else given

    @cached_property
    def _changes(self) -> list[tuple[Attribute, sql.Composable]]:
        if self.options.conflict is Conflict.UPDATE:
            return [(attribute, self._updated(attribute)) for attribute in self.mapped]
        return [(attribute, self._fresh(attribute)) for attribute in self.schema.writable]

    @cached_property
    def insert(self) -> sql.Composed:
        """Create customers ``ids`` from the staged ``lines``."""
        writable = self.schema.writable
        lists = [name for name in ("phones", "emails") if name not in {item.key for item in writable}]
        return sql.SQL(
            "INSERT INTO customers_customer"
            " (id, version, stage, created_at, updated_at, created_entry_id, {columns})"
            " SELECT w.id, 1, 'curated', %(now)s, %(now)s, %(entry)s, {values} {chosen} ORDER BY w.line"
        ).format(
            columns=_listed(
                [sql.Identifier(item.column) for item in writable] + [sql.Identifier(name) for name in lists]
            ),
            values=_listed(
                [self._fresh(item) for item in writable] + [sql.SQL("'{}'::text[]") for _name in lists]
            ),
            chosen=self._chosen,
        )

    @cached_property
    def _differs(self) -> sql.Composed:
        return sql.SQL("(c.stage <> 'curated' OR ({stored}) IS DISTINCT FROM ({wanted}))").format(
            stored=_row([sql.Identifier("c", item.column) for item, _value in self._changes]),
            wanted=_row([value for _item, value in self._changes]),
        )

    @cached_property
    def update(self) -> sql.Composed:
        """Overwrite or update customers ``ids`` from the staged ``lines``; return those that changed, with version."""
        return sql.SQL(
            "UPDATE customers_customer c"
            " SET version = c.version + 1, updated_at = %(now)s, stage = 'curated', {changes}"
            # The place of a row that this transaction has locked; found before, for the same reason.
            " {chosen} CROSS JOIN LATERAL"
            " (SELECT x.ctid AS place FROM customers_customer x WHERE x.id = w.id OFFSET 0) AS found"
            " WHERE c.ctid = found.place AND {differs} RETURNING c.id, c.version"
        ).format(
            changes=_listed(
                [
                    sql.SQL("{} = {}").format(sql.Identifier(item.column), value)
                    for item, value in self._changes
                ]
            ),
            chosen=self._chosen,
            differs=self._differs,
        )

    @cached_property
    def differing(self) -> sql.Composed:
        """Return those of ``lines`` that would change the stored customer of ``ids``."""
        return sql.SQL(
            "SELECT w.line {chosen} CROSS JOIN LATERAL"
            " (SELECT x.stage, {stored} FROM customers_customer x WHERE x.id = w.id OFFSET 0) AS c WHERE {differs}"
        ).format(
            chosen=self._chosen,
            stored=_listed([sql.Identifier("x", item.column) for item, _value in self._changes]),
            differs=self._differs,
        )

    @cached_property
    def staged(self) -> sql.Composed:
        """Return the mapped values of staged ``lines``."""
        return sql.SQL(
            "SELECT s.line, {values} FROM customers_importline s"
            " WHERE s.run_id = %(run)s AND s.line = ANY(%(lines)s) ORDER BY s.line"
        ).format(values=_listed([sql.Identifier("s", item.column) for item in self.mapped]))

    @cached_property
    def stored(self) -> sql.Composed:
        """Return stage and mapped values of customers ``ids``."""
        return sql.SQL(
            "SELECT c.id, c.stage, {values} FROM customers_customer c WHERE c.id = ANY(%(ids)s)"
        ).format(values=_listed([sql.Identifier("c", item.column) for item in self.mapped]))

    @cached_property
    def fold(self) -> sql.Composed:
        """Give the staged ``line`` the latest values that any of ``lines`` gives: what updating one by one ends in."""
        values = [
            sql.SQL(
                "(array_agg(s.{column}{text} ORDER BY s.line DESC) FILTER (WHERE s.{column} IS NOT NULL))[1]{back}"
            ).format(
                column=sql.Identifier(item.column),
                text=sql.SQL("::text" if item.is_list else ""),
                back=sql.SQL("::text[]" if item.is_list else ""),
            )
            for item in self.mapped
        ]
        return sql.SQL(
            "UPDATE customers_importline t SET ({columns}) = (SELECT {values} FROM customers_importline s"
            " WHERE s.run_id = %(run)s AND s.line = ANY(%(lines)s)) WHERE t.run_id = %(run)s AND t.line = %(line)s"
        ).format(
            columns=_listed([sql.Identifier(item.column) for item in self.mapped]),
            values=_listed(values),
        )

    def fresh_values(self, given: Sequence[Any]) -> list[Any]:
        """Return the mapped values of a customer created from a staged row, defaults filled in."""
        return [
            to_column(self._defaults.get(item.key), item.kind) if value is None else value
            for item, value in zip(self.mapped, given, strict=True)
        ]


def _listed(parts: Sequence[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)


def _row(parts: Sequence[sql.Composable]) -> sql.Composed:
    return sql.SQL("ROW({})").format(_listed(parts))
