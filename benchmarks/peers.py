"""Other tools on the workload, each written as its users would: what a co-op could run instead. A process for each.

    python benchmarks/peers.py TOOL FOLDER KEYS

Runs in an environment of its own (`peers.lock`); imports nothing of bridge. Tools without a way to take writing habits off
(csv-diff, daff, datacompy) are given rows that `plain` has normalised, and that is counted.
"""

import json
import re
import resource
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.workload import COLUMNS, KEY, Workload, load

Found = set[tuple[str, str]]

# ── plain Python, for tools that compare what they are given ──


def plain(kind: str, value: Any, options: Any) -> str:
    """A cell without its habits of writing, as text."""
    if kind == "boolean":
        return "1" if value else "0"
    if value in (None, "", []):
        return ""
    match kind:
        case "email":
            return str(value).strip().lower()
        case "phone":
            return re.sub(r"\D", "", str(value))[-10:]
        case "date":
            return str(value)[:10]
        case "money":
            return f"{float(str(value).replace(',', '')):.2f}"
        case "choice":
            return str(options.get(value, value))
        case "choices":
            return ",".join(sorted(options.get(each, each) for each in value))
        case _:
            return " ".join(unicodedata.normalize("NFC", str(value)).split())


def rows(path: Path, *, civicrm: bool) -> Iterator[dict[str, str]]:
    """Each row by key and field, normalised."""
    with path.open("rb") as pages:
        for page in pages:
            data = json.loads(page)
            for raw in data["values"] if civicrm else (each["fields"] for each in data["records"]):
                cells = {
                    column.name: plain(column.type, raw.get(column.civicrm if civicrm else column.airtable), column.options)
                    for column in COLUMNS
                }
                yield {"key": raw[KEY[0] if civicrm else KEY[1]], **cells}


# ── the tools ──


def csv_diff(work: Workload) -> Found:
    """Compare with csv-diff, over normalised rows."""
    from csv_diff import compare

    ours, theirs = ({row["key"]: row for row in rows(path, civicrm=side)} for path, side in _sides(work))
    result = compare(ours, theirs)
    found = {(each["key"], field) for each in result["changed"] for field in each["changes"]}
    return found | {(each["key"], "missing") for each in (*result["added"], *result["removed"])}


def daff(work: Workload) -> Found:
    """Daff (the table diff of many open-data tools) over normalised rows."""
    import daff as library

    names = ["key", *(column.name for column in COLUMNS)]
    tables = [
        library.PythonTableView([names, *([row[name] for name in names] for row in rows(path, civicrm=side))])
        for path, side in _sides(work)
    ]
    flags = library.CompareFlags()
    flags.addPrimaryKey("key")
    flags.show_unchanged_columns = False
    flags.unchanged_context = 0
    alignment = library.Coopy.compareTables(*tables, flags).align()
    data: list[list[Any]] = []
    library.TableDiff(alignment, flags).hilite(library.PythonTableView(data))
    head, found = data[0], set()
    key = head.index("key")
    for line in data[1:]:
        if line[0] in ("+++", "---"):
            found.add((line[key], "missing"))
        elif "->" in str(line[0]):
            found.update((line[key], head[at]) for at, cell in enumerate(line) if at and str(line[0]) in str(cell))
    return found


def pandas_merge(work: Workload) -> Found:
    """pandas: two frames normalised with its own string methods, merged on the key and compared column by column."""
    import pandas as pd

    ours, theirs = (_pandas_frame(path, civicrm=side) for path, side in _sides(work))
    both = ours.merge(theirs, on="key", how="outer", suffixes=("_c", "_a"), indicator=True)
    found = {(key, "missing") for key in both.loc[both["_merge"] != "both", "key"]}
    pairs = both[both["_merge"] == "both"]
    for column in COLUMNS:
        here, there = pairs[f"{column.name}_c"], pairs[f"{column.name}_a"]
        differ = ~((here == there) | (pd.isna(here) & pd.isna(there)))
        found |= {(key, column.name) for key in pairs.loc[differ, "key"]}
    return found


def _pandas_frame(path: Path, *, civicrm: bool) -> Any:
    import pandas as pd

    raws = []
    with path.open("rb") as pages:
        for page in pages:
            data = json.loads(page)
            raws.extend(data["values"] if civicrm else [each["fields"] for each in data["records"]])
    frame = pd.DataFrame(raws)
    out = pd.DataFrame({"key": frame[KEY[0] if civicrm else KEY[1]]})
    for column in COLUMNS:
        name = column.civicrm if civicrm else column.airtable
        cells = frame[name] if name in frame else pd.Series([None] * len(frame))
        out[column.name] = _pandas_cells(column.type, cells, column.options)
    return out


def _pandas_cells(kind: str, cells: Any, options: Any) -> Any:
    import pandas as pd

    match kind:
        case "boolean":
            return cells.fillna(value=False).astype(bool)
        case "email":
            return cells.str.strip().str.lower()
        case "phone":
            digits = cells.str.replace(r"\D", "", regex=True).str[-10:]
            return digits.where(digits != "", None)
        case "date":
            return cells.str.slice(0, 10)
        case "money":
            return pd.to_numeric(cells.astype(str).str.replace(",", "")).round(2)
        case "choice":
            return cells.replace(dict(options))
        case "choices":
            return cells.map(lambda several: ",".join(sorted(options.get(each, each) for each in several)))
        case _:
            text = cells.str.normalize("NFC").str.replace(r"\s+", " ", regex=True).str.strip()
            return text.where(text != "", None)


def datacompy_pandas(work: Workload) -> Found:
    """Compare with datacompy, over normalised pandas frames."""
    import datacompy
    import pandas as pd

    ours, theirs = (pd.DataFrame(rows(path, civicrm=side)) for path, side in _sides(work))
    compared = datacompy.PandasCompare(ours, theirs, join_columns="key")
    missing = {(key, "missing") for frame in (compared.df1_unq_rows, compared.df2_unq_rows) for key in frame["key"]}
    pairs = compared.intersect_rows
    return missing | {(key, column.name) for column in COLUMNS for key in pairs.loc[~pairs[f"{column.name}_match"], "key"]}


def polars_lazy(work: Workload) -> Found:
    """polars: lazy frames from the pages, its own expressions for every habit, one join."""
    import polars as pl

    ours = _polars_frame(work.civicrm, civicrm=True)
    theirs = _polars_frame(work.airtable, civicrm=False)
    both = ours.join(theirs, on="key", how="full", coalesce=True, suffix="_a").with_columns(
        missing=pl.col("here").is_null() | pl.col("here_a").is_null()
    )
    differ = [
        (~pl.col("missing") & pl.col(column.name).ne_missing(pl.col(f"{column.name}_a"))).alias(column.name)
        for column in COLUMNS
    ]
    table = both.select("key", "missing", *differ).collect()
    return {
        (key, name)
        for name in ("missing", *(column.name for column in COLUMNS))
        for key in table.filter(pl.col(name))["key"].to_list()
    }


def _polars_frame(path: Path, *, civicrm: bool) -> Any:
    import polars as pl

    pages = pl.scan_ndjson(path, infer_schema_length=None)
    if civicrm:
        flat = pages.select(pl.col("values").explode()).unnest("values")
    else:
        flat = pages.select(pl.col("records").explode()).unnest("records").select("fields").unnest("fields")
    names = flat.collect_schema().names()
    cells = []
    for column in COLUMNS:
        name = column.civicrm if civicrm else column.airtable
        cell = pl.col(name) if name in names else pl.lit(None, dtype=pl.String)
        cells.append(_polars_cell(pl, column.type, cell, column.options).alias(column.name))
    return flat.select(pl.col(KEY[0] if civicrm else KEY[1]).alias("key"), pl.lit(value=True).alias("here"), *cells)


def _polars_cell(pl: Any, kind: str, cell: Any, options: Any) -> Any:
    match kind:
        case "boolean":
            return cell.cast(pl.Boolean).fill_null(value=False)
        case "email":
            return cell.str.strip_chars().str.to_lowercase()
        case "phone":
            digits = cell.str.replace_all(r"\D", "").str.tail(10)
            return pl.when(digits == "").then(None).otherwise(digits)
        case "date":
            return cell.str.head(10)
        case "money":
            return cell.cast(pl.String).str.replace_all(",", "").cast(pl.Float64).round(2)
        case "choice":
            return cell.replace(dict(options))
        case "choices":
            return cell.list.eval(pl.element().replace(dict(options))).list.sort().list.join(",")
        case _:
            text = cell.str.normalize("NFC").str.replace_all(r"\s+", " ").str.strip_chars()
            return pl.when(text == "").then(None).otherwise(text)


def duckdb_sql(work: Workload) -> Found:
    """DuckDB: the pages read as JSON, normalised and joined in SQL."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = false")
    for path, civicrm in _sides(work):
        unnested = "unnest(values) AS r" if civicrm else "unnest(records).fields AS r"
        cells = ", ".join(
            f"{_duckdb_cell(column.type, column.civicrm if civicrm else column.airtable, column.options)} AS {column.name}"
            for column in COLUMNS
        )
        key = KEY[0] if civicrm else KEY[1]
        connection.execute(
            f'CREATE TABLE {"ours" if civicrm else "theirs"} AS SELECT r."{key}" AS key, {cells} FROM '  # noqa: S608  # our own names
            f"(SELECT {unnested} FROM read_ndjson('{path}', maximum_object_size=67108864, sample_size=-1))"
        )
    differ = ", ".join(f"ours.{column.name} IS DISTINCT FROM theirs.{column.name} AS {column.name}" for column in COLUMNS)
    names = ", ".join(column.name for column in COLUMNS)
    connection.execute(
        f"CREATE TABLE d AS UNPIVOT (SELECT key, {differ} FROM ours JOIN theirs USING (key)) "  # noqa: S608
        f"ON {names} INTO NAME field VALUE differs"
    )
    found = set(connection.execute("SELECT key, field FROM d WHERE differs").fetchall())
    missing = "SELECT key FROM ours ANTI JOIN theirs USING (key) UNION ALL SELECT key FROM theirs ANTI JOIN ours USING (key)"
    return found | {(key, "missing") for (key,) in connection.execute(missing).fetchall()}


def _duckdb_cell(kind: str, name: str, options: Any) -> str:
    cell = f'r."{name}"'
    words = "MAP {" + ", ".join(f"'{ours}': '{theirs}'" for ours, theirs in options.items()) + "}"
    match kind:
        case "boolean":
            return f"coalesce({cell}::BOOLEAN, false)"
        case "email":
            return f"lower(trim({cell}))"
        case "phone":
            return f"nullif(right(regexp_replace({cell}, '\\D', '', 'g'), 10), '')"
        case "date":
            return f"left({cell}::VARCHAR, 10)"
        case "money":
            return f"round(replace({cell}::VARCHAR, ',', '')::DOUBLE, 2)"
        case "choice":
            return f"coalesce({words}[{cell}], {cell})"
        case "choices":
            return f"list_sort(list_transform({cell}, lambda x: coalesce({words}[x], x)))"
        case _:
            return f"nullif(trim(regexp_replace(nfc_normalize({cell}::VARCHAR), '\\s+', ' ', 'g')), '')"


def floor(work: Workload) -> Found:
    """No tool: the pages decoded into typed structs of the mapped fields only, and dropped. Nothing can reconcile for less."""
    import msgspec

    paths = [KEY, *((column.civicrm, column.airtable) for column in COLUMNS)]
    civicrm = msgspec.defstruct("Civicrm", [(name, Any, None) for name, _ in paths], gc=False)
    names = {f"f{at}": name for at, (_, name) in enumerate(paths)}
    cells = msgspec.defstruct("Cells", [(name, Any, None) for name in names], gc=False, rename=names)
    record = msgspec.defstruct("Record", [("fields", cells)], gc=False)
    shapes = (
        msgspec.defstruct("Values", [("values", list[civicrm])], gc=False),
        msgspec.defstruct("Records", [("records", list[record])], gc=False),
    )
    for (path, _), shape in zip(_sides(work), shapes, strict=True):
        decode = msgspec.json.Decoder(shape).decode
        with path.open("rb") as pages:
            for page in pages:
                decode(page)
    return set(work.truth)


def _sides(work: Workload) -> tuple[tuple[Path, bool], tuple[Path, bool]]:
    return (work.civicrm, True), (work.airtable, False)


TOOLS: dict[str, Callable[[Workload], Found]] = {
    "floor": floor,
    "duckdb": duckdb_sql,
    "polars": polars_lazy,
    "pandas": pandas_merge,
    "datacompy": datacompy_pandas,
    "csv-diff": csv_diff,
    "daff": daff,
}


def main() -> None:
    """Run one tool and print what it took as JSON."""
    tool, folder, keys = sys.argv[1:4]
    work = load(Path(folder), int(keys))
    found = TOOLS[tool](work)
    right = len(found & work.truth)
    print(
        json.dumps(
            {
                "cpu_seconds": time.process_time(),
                "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "precision": right / max(1, len(found)),
                "recall": right / len(work.truth),
            }
        )
    )


if __name__ == "__main__":
    main()
