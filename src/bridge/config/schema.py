"""The files that are written by the code and checked in: the mapping's JSON Schema, its reference page and `.env.example`.

Renew them with `python -m bridge.config.schema` in the repository's root.
"""

import json
import textwrap
from pathlib import Path

from bridge.config.prose import DescribedSchema
from bridge.config.reference import reference
from bridge.config.settings import SECRETS_DIR, Variable, variables
from bridge.config.shape import MappingShape
from bridge.core.record import Json

SCHEMA_FILE = Path("mappings/bridge-mapping.schema.json")
ENV_FILE = Path(".env.example")
REFERENCE_FILE = Path("docs/mapping-reference.md")

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def mapping_schema() -> str:
    """The JSON Schema of a mapping file, with every key's description, for editors to complete and check by."""
    tidied = _tidy(MappingShape.model_json_schema(by_alias=True, schema_generator=DescribedSchema))
    schema = {"$schema": _DIALECT, "title": "bridge mapping", **(tidied if isinstance(tidied, dict) else {})}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _tidy(value: Json) -> Json:
    """`value` without what an editor has no use for: titles made of names, and null where a key may be left out."""
    if isinstance(value, list):
        return [_tidy(each) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _tidy(each) for key, each in value.items() if not (key == "title" and isinstance(each, str))}
    if kept.get("default", "") is None:
        del kept["default"]
    arms = kept.get("anyOf")
    if isinstance(arms, list) and {"type": "null"} in arms:
        rest = [arm for arm in arms if arm != {"type": "null"}]
        if len(rest) == 1 and isinstance(rest[0], dict):
            del kept["anyOf"]
            return {**rest[0], **kept}
    return kept


def env_example() -> str:
    """Every setting with its meaning, unit, default and why, ready to be copied to `.env`."""
    opening = (
        "Every setting of bridge. Copy this file to .env and fill in what the first lines of each say is needed. "
        f"Each secret may instead be a file in {SECRETS_DIR} named as its variable, in capitals or small letters."
    )
    return "\n".join([_comment(opening), "", *map(_entry, variables())])


def _entry(variable: Variable) -> str:
    """One setting: its prose, then the line to fill in. What has no default is commented out."""
    line = f"{variable.name}={variable.default}"
    secret = " Secret." if variable.secret else ""
    return f"{_comment(variable.meaning + secret)}\n{line if variable.default else f'# {line}'}\n"


def _comment(text: str) -> str:
    return textwrap.fill(text, width=118, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def write(root: Path = Path()) -> None:
    """Write all three files under `root`."""
    (root / SCHEMA_FILE).write_text(mapping_schema(), encoding="utf-8")
    (root / ENV_FILE).write_text(env_example(), encoding="utf-8")
    (root / REFERENCE_FILE).write_text(reference(json.loads(mapping_schema())), encoding="utf-8")


if __name__ == "__main__":
    write()
