"""The month's API calls as people see them: in `bridge status`, on the page, and once in Slack."""

from collections.abc import Mapping
from typing import Any

from bridge.app import MONTHLY_CALLS, App
from bridge.core.budget import Forecast
from bridge.language import Language
from bridge.service.budget import Budget


def budget_of(app: App) -> Budget:
    """The budget of the app's mappings under its plan."""
    return Budget(store=app.store, clock=app.clock, base_of=app.base_id, quota=MONTHLY_CALLS[app.settings.airtable.plan])


def shown(forecast: Forecast) -> Mapping[str, Any]:
    """One base's forecast in the form of `--json` and of the HTTP API."""
    return {
        "base": forecast.base,
        "quota": forecast.quota,
        "used": forecast.used,
        "expected": forecast.expected,
        "syncs_afforded": round(float(forecast.share), 2),
        "stretched": list(forecast.stretched),
    }


def in_words(forecast: Forecast) -> str:
    """One line about a base's month, for operators."""
    cap = f" of {forecast.quota:,}" if forecast.quota is not None else ""
    line = f"forecast for {forecast.base}: {forecast.expected:,}{cap} calls by the end of the month"
    if not forecast.stretched:
        return line
    share, names = f"{float(forecast.share):.0%}", ", ".join(forecast.stretched)
    return f"{line}; there are calls for {share} of the syncs, so those of {names} come less often"


def stretched(forecast: Forecast, language: Language) -> str:
    """Why syncs come less often, for staff."""
    return language.say(
        "Airtable's calls would not last until the end of the month: {used} of {quota} are used, and {expected} would be "
        "needed. Syncs come less often until then; the full comparisons stay as planned.",
        used=forecast.used,
        quota=forecast.quota,
        expected=forecast.expected,
    )
