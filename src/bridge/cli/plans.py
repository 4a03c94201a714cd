"""How commands show plans and results."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bridge.cli import screen
from bridge.errors import AuthRejected, ConfigError

if TYPE_CHECKING:
    from bridge.app import App
    from bridge.service.order import Result
    from bridge.service.undo import Prepared

_MOST_ON_SCREEN = 20
"""Records and discrepancies of one kind written out on a screen; files hold all."""


def show(bridge: "App", results: "Sequence[Result]", kind: str, out: Path | None) -> None:
    """Print the plans as text, JSON or HTML, or write them to `out`."""
    made = {"text": _text, "json": _json, "html": _html}[kind](bridge, results, None if out else _MOST_ON_SCREEN)
    if out is None:
        typer.echo(made, nl=not made.endswith("\n"))
        return
    screen.write_file(out, made)
    for each in results:
        typer.echo(f"{each.mapping}: {_counted(each)} The plan is in {out}; digest: {each.digest}")
    if kind == "json":
        typer.echo(f"Next: bridge apply {out}")


def _text(bridge: "App", results: "Sequence[Result]", most: int | None) -> str:
    from bridge.core.document import as_text

    return "\n".join(
        as_text(each.plan, title=each.mapping, sentence=bridge.sentence(each.mapping), most=most)
        for each in results
        if each.plan is not None
    )


def _json(_bridge: "App", results: "Sequence[Result]", _most: int | None) -> str:
    """One plan is its own document; several stand together under a digest of theirs."""
    from bridge.core.document import canonical, document

    documents = [document(each.plan) for each in results if each.plan is not None]
    if len(documents) == 1:
        return canonical(documents[0]).decode() + "\n"
    import hashlib

    digest = hashlib.sha256("".join(str(each["digest"]) for each in documents).encode()).hexdigest()
    return canonical({"digest": digest, "plans": list(documents)}).decode() + "\n"


def _html(bridge: "App", results: "Sequence[Result]", _most: int | None) -> str:
    return bridge.reports.plans([each.plan for each in results if each.plan is not None])


def digests_in(file: Path) -> list[str]:
    """The digests of the plans in a plan file. Raises ConfigError where it is none."""
    try:
        made: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read.", next_step="make one: bridge plan NAME --out plan.json") from error
    except RecursionError as error:
        raise ConfigError(f"{file} is nested without end.", next_step="make one: bridge plan NAME --out plan.json") from error
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{file}:{error.lineno}:{error.colno}: expected a plan file (JSON); {error.msg.lower()}.",
            next_step="make one: bridge plan NAME --out plan.json",
        ) from error
    plans = made.get("plans", [made]) if isinstance(made, dict) else []
    whole = isinstance(plans, list) and all(isinstance(each, dict) for each in plans)
    digests = [str(each.get("digest") or "") for each in plans] if whole else []
    if not digests or not all(digests):
        raise ConfigError(
            f"{file} is JSON, and no plan file: it has no `digest`.", next_step="make one: bridge plan NAME --out plan.json"
        )
    _unchanged(file, plans)
    return digests


def _unchanged(file: Path, plans: list[Any]) -> None:
    """A plan file that was edited is not what anybody reviewed."""
    import hashlib

    from bridge.core.document import canonical

    for each in plans:
        body = {key: value for key, value in each.items() if key != "digest"}
        if hashlib.sha256(canonical(body)).hexdigest() != each["digest"]:
            raise ConfigError(
                f"{file} was edited: its contents do not have the digest it names.", next_step="make a new plan and review it."
            )


def _counted(result: "Result") -> str:
    from bridge.core.document import counted

    plan = result.plan
    if plan is None:
        return ""
    found = counted(len(plan.discrepancies), "discrepancy", "discrepancies")
    return f"{counted(len(plan.changes), 'record')} to write, {found}."


def summary(result: "Result") -> str:
    """What a person wants to know of a run, in a few lines."""
    from bridge.core.document import counted

    lines = [f"{result.mapping}: {_state(result)}"]
    counts = result.counts
    if result.plan is not None:
        written = counts.get("written", 0)
        why = " (it observes)" if _only_observed(result) else ""
        to_write = counted(len(result.plan.changes), "record")
        lines.append(f"  {to_write} to write, {written} written{why}, {len(result.plan.discrepancies)} to see")
        lines += [
            f"  {counts[word]} {word.replace('_', ' ')}: see `bridge show {result.run}`"
            for word in ("refused", "stale", "in_doubt", "not_sent", "left_out")
            if counts.get(word)
        ]
        for breach in result.plan.breaches if result.state.value == "held" else ():
            lines += [f"  {breach.message}", f"    lifted by: {breach.setting}"]
    if result.doubts_settled:
        lines.append(f"  {settled(result.doubts_settled)}")
    if result.state.value == "held" and result.digest:
        lines.append(f"  look: bridge show {result.run}   approve: bridge sync {result.mapping} --approve {result.digest[:12]}")
    if result.digest:
        lines.append(f"  run {result.run}, digest: {result.digest}")
    return "\n".join(lines)


def settled(doubts: int) -> str:
    """How many writes in doubt were settled by reading, in words."""
    return f"{doubts} write{'' if doubts == 1 else 's'} in doubt, settled by reading"


def _only_observed(result: "Result") -> bool:
    """Whether it ended well and sent nothing of what it would write."""
    return bool(result.plan and result.plan.changes) and result.state.value == "done" and not result.applied.outcomes


def _state(result: "Result") -> str:
    words = {
        "done": "done.",
        "held": "HELD. Nothing was written; a person is needed.",
        "failed": "failed. A source could not be read completely; the next run tries again.",
    }
    return words.get(result.state.value, result.state.value)


def run_as_json(bridge: "App", result: "Result") -> dict[str, Any]:
    """A run as `bridge runs --json` gives it."""
    record = bridge.store.runs.get(result.run)
    return (
        run_record(record) if record is not None else {"id": result.run, "mapping": result.mapping, "state": result.state.value}
    )


def run_record(record: Any) -> dict[str, Any]:
    """A run record in the stable form for scripts."""
    return {
        "id": record.id,
        "mapping": record.mapping,
        "mode": record.mode,
        "kind": record.kind,
        "state": record.state.value,
        "started_at": record.started_at.isoformat(),
        "finished_at": record.finished_at.isoformat() if record.finished_at else None,
        "changes": record.counts.get("changes", 0),
        "discrepancies": record.counts.get("discrepancies", 0),
        "digest": record.digest,
        "counts": dict(record.counts),
        "by": record.by,
        "note": record.note,
    }


def undo_text(prepared: "Prepared") -> str:
    """What an undo would put back and what it leaves."""
    from bridge.core.document import as_text

    lines = [as_text(prepared.plan, title=f"undo of run {prepared.run}", sentence=lambda each: each.name)]
    if prepared.left:
        lines.append("Left as it is:")
        lines += [
            f"  {each.name} ({each.side.value}:{each.id}){f', {each.field}' if each.field else ''}: {each.why}"
            for each in prepared.left
        ]
    return "\n".join(lines)


def say_failures(results: "Sequence[Result]") -> int:
    """Say on stderr what failed; the exit code that follows from all results together, 0 if all went well."""
    codes = []
    for each in results:
        if each.error is not None:
            typer.echo(f"{each.mapping}:", err=True)
            screen.explain_error(each.error)
            codes.append(screen.USAGE if isinstance(each.error, AuthRejected | ConfigError) else screen.exit_code(each.error))
        elif each.state.value == "failed":
            codes.append(screen.FAILED)
        elif each.state.value == "held":
            codes.append(screen.HELD)
        for problem in each.problems:
            typer.echo(f"{each.mapping}, showing what was found (the run itself is not affected):", err=True)
            screen.explain_error(problem)
    order = (screen.USAGE, screen.FAILED, screen.HELD)
    return next((code for code in order if code in codes), screen.DONE)
