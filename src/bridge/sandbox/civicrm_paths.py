"""Where the paths of APIv4 lead: fields, options by name or label, joins through ids, locations and aliases.

`contact_id.display_name`, `email_primary.email`, `Group.Field`, `status_id:name`, `m.end_date` for a join `AS m`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bridge.sandbox.civicrm_rows import Row
from bridge.sandbox.civicrm_schema import Field
from bridge.sandbox.civicrm_site import Site, User
from bridge.sandbox.civicrm_values import Refused, shown_value

Env = dict[str, Row | None]  # the row of the entity under "", the row of each explicit join under its alias
Source = Callable[[Env], Row | None]
SUFFIXES = ("name", "label", "abbr", "description", "icon", "color")


@dataclass(frozen=True, slots=True)
class Column:
    """One thing that can be read of each row: the field it comes from and how it is shown."""

    key: str
    field: Field
    read: Callable[[Env], Any]
    suffix: str = ""
    aggregate: str = ""


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths of one query of one user. `joins` names the entity behind each alias."""

    site: Site
    user: User
    entity: str
    joins: dict[str, str] = field(default_factory=dict)

    def column_or_refuse(self, path: Any) -> Column:
        """What a path reads. Refused when it leads nowhere."""
        column = self.column(str(path))
        if column is None:
            raise Refused(f"Invalid field '{path}'")
        return column

    def column(self, path: str) -> Column | None:
        """What a path reads, or None when it leads nowhere that this user may see."""
        alias, _, rest = path.partition(".")
        if alias in self.joins and rest:
            return self._walk(path, self.joins[alias], rest, lambda env: env.get(alias))
        return self._walk(path, self.entity, path, lambda env: env[""])

    def _walk(self, key: str, entity: str, path: str, source: Source) -> Column | None:
        fields = self.user.visible_fields(self.site, entity)
        name, _, suffix = path.partition(":")
        if name in fields:
            return self._leaf(key, fields[name], suffix, source)
        parts = path.split(".")
        for length in range(1, len(parts)):
            through = fields.get(".".join(parts[:length]))
            if through is not None and through.points_to:
                self.site.fill_virtual(through.points_to)
                rest = ".".join(parts[length:])
                return self._walk(key, through.points_to, rest, self._through(through, source))
        return None

    def _through(self, through: Field, source: Source) -> Source:
        if through.flag:
            table = self.site.rows[through.points_to]
            flag = through.flag

            def located(env: Env) -> Row | None:
                row = source(env)
                if row is None:
                    return None
                return next((found for found in table.rows_where("contact_id", row["id"]) if found.get(flag)), None)

            return located
        rows, name = self.site.rows[through.points_to].rows, through.name

        def pointed(env: Env) -> Row | None:
            row = source(env)
            return None if row is None else rows.get(row.get(name, 0))

        return pointed

    def _leaf(self, key: str, found: Field, suffix: str, source: Source) -> Column | None:
        raw = self._raw(found, source)
        if not suffix:
            return Column(key, found, raw)
        options = self.site.options(found)
        if not options or suffix not in SUFFIXES:
            return None
        shown = {option.value: option.shown_as(suffix) for option in options}

        def named(env: Env) -> Any:
            value = raw(env)
            if isinstance(value, list):
                return [shown.get(item) for item in value]
            return shown.get(value)

        return Column(key, found, named, suffix)

    def _raw(self, found: Field, source: Source) -> Callable[[Env], Any]:
        name, default = found.name, None if found.nullable else found.default
        if found.kind in ("Extra", "Filter"):
            computed = self.site.computed(found)
            return lambda env: None if (row := source(env)) is None else computed(row)
        if found.in_utc:
            offset = self.site.clock.offset_seconds()
            return lambda env: None if (row := source(env)) is None else shown_value(found, row.get(name), offset)
        return lambda env: None if (row := source(env)) is None else row.get(name, default)
