"""APIv4 `get` over the rows: conditions, joins, order, groups and paging.

A path that leads nowhere is dropped from `select` and refused in `where` and `orderBy`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any

from bridge.sandbox.civicrm_paths import Column, Env, Paths
from bridge.sandbox.civicrm_rows import Row
from bridge.sandbox.civicrm_schema import CONTACT_TYPES, Field, base_entity
from bridge.sandbox.civicrm_site import Site, User
from bridge.sandbox.civicrm_values import Refused
from bridge.sandbox.civicrm_where import ORDERINGS, Fatal, comparable_of, test_of

PHP_INT_LIMIT = 2**63
BROAD_INDEX = "contact_type"  # finds so many rows that a lower bound for the id serves better
SCRAMBLE = 2654435761  # without orderBy, contacts come in an order of the database's own
_EXPRESSION = re.compile(r"(?:(\w+)\((.*)\)|([\w.:]+))(?: AS (\w+))?$", re.IGNORECASE)
_AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "COUNT": len,
    "SUM": lambda values: sum(values) if values else None,
    "MIN": lambda values: min(values, default=None),
    "MAX": lambda values: max(values, default=None),
    "AVG": lambda values: sum(values) / len(values) if values else None,
}


@dataclass(frozen=True, slots=True)
class Found:
    """What a `get` found: the page's rows, how many rows match, and whether that was asked for."""

    rows: list[Row]
    matched: int
    counted: bool


@dataclass(slots=True)
class Query:
    """One `get` of one user. `run` answers it."""

    site: Site
    user: User
    entity: str
    params: dict[str, Any]
    paths: Paths = field(init=False)

    def __post_init__(self) -> None:
        self.paths = Paths(self.site, self.user, self.entity)

    def run(self) -> Found:
        """The rows asked for. Refused names the field or the parameter that is wrong."""
        select = list(self.params.get("select") or ["*"])
        counted = "row_count" in select
        wanted = [name for name in select if name != "row_count"]
        limit, offset = int(self.params.get("limit") or 0), int(self.params.get("offset") or 0)
        if limit < 0:
            raise Refused("DB Error: syntax error")
        steps = [self._join_step(join) for join in self.params.get("join") or ()]
        columns = self._columns(wanted)
        if self.params.get("groupBy") or any(column.aggregate for column in columns):
            return self._grouped(steps, columns, limit, offset)
        order, in_id_order = self._order()
        envs: Iterable[Env] = self._matching(steps)
        if in_id_order and limit and not counted:
            page = list(islice(envs, offset, offset + limit))
            return Found([self._row(columns, env) for env in page], offset + len(page), counted)
        every = list(envs)
        for key, descending in reversed(order):
            every.sort(key=key, reverse=descending)
        page = every[offset : offset + limit] if limit else every[offset:]
        return Found([self._row(columns, env) for env in page] if wanted else [], len(every), counted)

    def ids(self) -> list[int]:
        """The ids of the rows that match, ascending."""
        return [row["id"] for env in self._matching([]) if (row := env[""]) is not None]

    # -- which rows

    def _matching(self, steps: list[Callable[[Iterable[Env]], Iterator[Env]]]) -> Iterator[Env]:
        where = self.params.get("where") or []
        if not isinstance(where, list):
            raise Refused('Parameter "where" is not of the correct type. Expecting array.')
        entity = base_entity(self.entity)
        where = [*where, *self._default_clauses(where)]
        if self.entity in CONTACT_TYPES:
            where.append(["contact_type", "=", self.entity])
        visible = self.user.row_test(self.site, entity)
        test = self._all_of(where)
        rows = self.site.rows[entity].rows
        candidates = self._candidates(entity, where)
        envs: Iterable[Env] = ({"": rows[row_id]} for row_id in candidates if row_id in rows and visible(rows[row_id]))
        for step in steps:
            envs = step(envs)
        return (env for env in envs if test(env))

    def _default_clauses(self, where: list[Any]) -> Iterator[list[Any]]:
        keys = ("id", "external_identifier") if self.site.version >= (6,) else ("id",)
        if any(isinstance(clause, list) and clause[0] in keys and clause[1:2] in (["="], ["IN"]) for clause in where):
            return
        named = set(_named_in(where))
        fields = self.site.schema.fields(base_entity(self.entity))
        for name in ("is_deleted", "is_test", "is_template"):
            if name in fields and name not in named:
                yield [name, "=", False]

    def _candidates(self, entity: str, where: list[Any]) -> Iterable[int]:
        """Ids, ascending, among which every row that can match is found: by an index where a clause allows it."""
        table, fields = self.site.rows[entity], self.site.schema.fields(entity)
        pinned, lowest = dict(_pinned(where)), _lowest_id(where)
        for name in ("id", *table.indexed):
            if name not in pinned or name not in fields or (name == BROAD_INDEX and lowest):
                continue
            values, kind = pinned[name], int if fields[name].data_type == "Integer" else str
            if all(type(value) is kind for value in values):
                return sorted(set(values if name == "id" else chain(*(table.ids_where(name, value) for value in values))))
        return table.ids_from(lowest)

    # -- conditions

    def _all_of(self, clauses: list[Any], *, expressions: bool = False) -> Callable[[Env], bool]:
        tests = [self._test(clause, expressions=expressions) for clause in clauses]
        return lambda env: all(test(env) for test in tests)

    def _test(self, clause: Any, *, expressions: bool) -> Callable[[Env], bool]:
        if not isinstance(clause, list) or not clause:
            raise Refused("Illegal operator")
        if clause[0] in ("AND", "OR", "NOT") and isinstance(clause[1], list):
            inner = [self._test(part, expressions=expressions) for part in clause[1]]
            if clause[0] == "OR":
                return lambda env: any(test(env) for test in inner)
            if clause[0] == "AND":
                return lambda env: all(test(env) for test in inner)
            return lambda env: not all(test(env) for test in inner)
        path, word, value, is_expression = (*clause, *(None, None, expressions)[len(clause) - 1 :])[:4]
        column = self.paths.column_or_refuse(path)
        if is_expression and isinstance(value, str):
            if value[:1] not in ("'", '"'):
                return self._test_of_two(column, word, self.paths.column_or_refuse(value))
            value = value[1:-1]
        if self._overflows(column.field, value):
            raise Fatal
        test = test_of(column.field, bool(column.suffix), word, value, self.site.clock)
        read = column.read
        return lambda env: test(read(env))

    def _overflows(self, found: Field, value: Any) -> bool:
        """Whether PHP falls over a contact id that only fits a float, as it does since some version of 6."""
        is_contact_id = found.points_to == "Contact" or (found.entity, found.name) == ("Contact", "id")
        return is_contact_id and type(value) is int and abs(value) >= PHP_INT_LIMIT and self.site.version >= (6,)

    def _test_of_two(self, left: Column, word: str, right: Column) -> Callable[[Env], bool]:
        comparable = comparable_of(left.field, self.site.clock)
        compare = ORDERINGS.get(word, lambda one, other: (one == other) is (word == "="))

        def test(env: Env) -> bool:
            one, other = left.read(env), right.read(env)
            return one is not None and other is not None and compare(comparable(one), comparable(other))

        return test

    # -- explicit joins

    def _join_step(self, join: list[Any]) -> Callable[[Iterable[Env]], Iterator[Env]]:
        entity, _, alias = join[0].partition(" AS ")
        side, conditions = join[1], [part for part in join[2:] if isinstance(part, list)]
        self.paths.joins[alias] = entity
        if not self.user.may(self.site, entity, "get"):
            return iter
        test = self._all_of(conditions, expressions=True)
        candidates = self._join_candidates(entity, alias, conditions)

        def step(envs: Iterable[Env]) -> Iterator[Env]:
            for env in envs:
                joined = [wider for row in candidates(env) if test(wider := {**env, alias: row})]
                if side == "EXCLUDE":
                    yield from () if joined else [env]
                else:
                    yield from joined or ([{**env, alias: None}] if side == "LEFT" else [])

        return step

    def _join_candidates(self, entity: str, alias: str, conditions: list[Any]) -> Callable[[Env], Iterable[Row]]:
        table = self.site.rows[base_entity(entity)]
        equal = [(clause[0], clause[2]) for clause in conditions if clause[1:2] == ["="]]
        for left, right in equal:
            for mine, other in ((left, right), (right, left)):
                column = str(mine).removeprefix(f"{alias}.")
                if column != mine and column in table.indexed:
                    read = self.paths.column_or_refuse(other).read
                    return lambda env: table.rows_where(column, read(env))
        return lambda _: list(table.rows.values())

    # -- what is read of a row

    def _columns(self, names: list[str]) -> list[Column]:
        grouped = bool(self.params.get("groupBy")) or any("(" in name for name in names)
        expanded = [name for wanted in names for name in self._expanded(wanted)]
        columns = [column for name in expanded if (column := self._expression(name))]
        has_id = "id" in self.site.schema.fields(base_entity(self.entity))
        if names and has_id and "id" not in expanded and not (grouped and any(c.aggregate for c in columns)):
            columns.insert(0, self.paths.column_or_refuse("id"))
        return columns

    def _expanded(self, name: str) -> Iterable[str]:
        head, star, _ = name.rpartition("*")
        if not star or "(" in name:
            return [name]
        fields = self.user.visible_fields(self.site, self.entity)
        if not head:
            return [found.name for found in fields.values() if found.kind == "Field"]
        prefix = head.removesuffix(".")
        joined = self.paths.joins.get(prefix) or (prefix in fields and fields[prefix].points_to)
        if joined:
            inner = self.user.visible_fields(self.site, joined)
            return [f"{prefix}.{found.name}" for found in inner.values() if found.kind == "Field"]
        custom = [found.name for found in fields.values() if found.is_custom]
        return custom if prefix == "custom" else [field for field in custom if field.startswith(f"{prefix}.")]

    def _expression(self, text: str) -> Column | None:
        found = _EXPRESSION.match(text)
        if not found:
            return None
        function, arguments, path, alias = found.groups()
        if path:
            column = self.paths.column(path)
            return replace(column, key=alias or path) if column else None
        return self._function(function.upper(), arguments, alias or text)

    def _function(self, name: str, arguments: str, key: str) -> Column | None:
        plain = Field("", key, "String")
        if name == "NOW":
            return Column(key, plain, lambda _: self.site.clock.now().strftime("%Y-%m-%d %H:%M:%S"))
        inner = arguments.removeprefix("DISTINCT ").strip()
        if name == "CONCAT":
            parts = [self._literal_or_column(part.strip()) for part in inner.split(",")]
            return Column(key, plain, lambda env: "".join(str(read(env)) for read in parts))
        column = self.paths.column("id" if inner == "*" else inner)
        if column is None:
            raise Refused(f"Invalid field '{inner}'")
        read = column.read
        if name in _AGGREGATES:
            return Column(key, column.field, read, aggregate=name)
        change = {"UPPER": str.upper, "LOWER": str.lower}.get(name)
        if change is None:
            raise Refused(f"Invalid field '{key}'")
        return Column(key, plain, lambda env: change(str(read(env))))

    def _literal_or_column(self, text: str) -> Callable[[Env], Any]:
        if text[:1] in ("'", '"'):
            return lambda _: text[1:-1]
        return self.paths.column_or_refuse(text).read

    def _row(self, columns: list[Column], env: Env) -> Row:
        row = {column.key: column.read(env) for column in columns}
        kind = row.get("contact_type")
        if kind in CONTACT_TYPES:
            for column in columns:
                is_core = "." not in column.key
                if is_core and column.field.contact_types and kind not in column.field.contact_types:
                    del row[column.key]
        return row

    # -- order and groups

    def _order(self) -> tuple[list[tuple[Callable[[Env], Any], bool]], bool]:
        order = self.params.get("orderBy") or {}
        if isinstance(order, list):
            raise Refused(f"Invalid sort direction. Cannot order by 0 {order[0]}")
        for path, direction in order.items():
            if str(direction).upper() not in ("ASC", "DESC"):
                raise Refused(f"Invalid sort direction. Cannot order by {path} {direction}")
        keys = [(self._sort_key(path), str(way).upper() == "DESC") for path, way in order.items()]
        if keys:
            return keys, [(path, way.upper()) for path, way in order.items()] == [("id", "ASC")]
        pinned = any(isinstance(clause, list) and clause[0] == "id" for clause in self.params.get("where") or ())
        if base_entity(self.entity) != "Contact" or pinned:
            return [], True
        return [(lambda env: (env[""] or {})["id"] * SCRAMBLE % 2**32, False)], False

    def _sort_key(self, path: str) -> Callable[[Env], Any]:
        column = self.paths.column_or_refuse(path)
        read, comparable = column.read, comparable_of(column.field, self.site.clock)
        if column.suffix:
            comparable = comparable_of(Field("", "", "String"), self.site.clock)

        def key(env: Env) -> Any:
            shown = read(env)
            return (0,) if shown is None else (1, str(shown) if isinstance(shown, list) else comparable(shown))

        return key

    def _grouped(
        self, steps: list[Callable[[Iterable[Env]], Iterator[Env]]], columns: list[Column], limit: int, offset: int
    ) -> Found:
        by = [self.paths.column_or_refuse(path) for path in self.params.get("groupBy") or ()]
        groups: dict[tuple[Any, ...], list[Env]] = {}
        for env in self._matching(steps):
            groups.setdefault(tuple(str(column.read(env)) for column in by), []).append(env)
        if not by and not groups:
            groups[()] = []
        rows = [{column.key: _summed(column, envs) for column in columns} for envs in groups.values()]
        for name, direction in reversed((self.params.get("orderBy") or {}).items()):
            rows.sort(key=lambda row: (row.get(name) is not None, row.get(name)), reverse=direction.upper() == "DESC")
        return Found(rows[offset : offset + limit] if limit else rows[offset:], len(rows), counted=False)


def _named_in(clauses: list[Any]) -> Iterator[str]:
    for clause in clauses:
        if isinstance(clause, list) and clause:
            if clause[0] in ("AND", "OR", "NOT") and isinstance(clause[1], list):
                yield from _named_in(clause[1])
            else:
                yield str(clause[0])


def _pinned(where: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """The columns that conditions hold to one value or a few, with those values."""
    for clause in where:
        match clause:
            case [str(name), "=", value]:
                yield name, [value]
            case [str(name), "IN", [*values]]:
                yield name, values


def _lowest_id(where: list[Any]) -> int:
    bounds = [
        clause[2] + (clause[1] == ">")
        for clause in where
        if isinstance(clause, list) and clause[0] == "id" and clause[1] in (">", ">=") and type(clause[2]) is int
    ]
    return max(bounds, default=0)


def _summed(column: Column, envs: list[Env]) -> Any:
    if not column.aggregate:
        return column.read(envs[0]) if envs else None
    values = [value for env in envs if (value := column.read(env)) is not None]
    return _AGGREGATES[column.aggregate](values)
