"""The scopes that `deploy/slack-manifest.yaml` asks Slack for, and what is lost without each."""

from collections.abc import Mapping
from types import MappingProxyType

NEEDED: Mapping[str, str] = MappingProxyType({"chat:write": "nothing can be posted"})
"""What telling cannot do without."""

ACTING: Mapping[str, str] = MappingProxyType(
    {
        "commands": "nobody can use `/bridge`",
        "usergroups:read": "user groups (S…) of BRIDGE_SLACK__OPERATORS and BRIDGE_SLACK__APPROVERS may do nothing",
    }
)
"""What acting from Slack cannot do without."""

USEFUL: Mapping[str, str] = MappingProxyType(
    {
        "channels:history": "in public channels a message whose answer was lost is not looked for, and may be missed",
        "channels:read": "public channels that are named and not given by id are not found before something is posted",
        "groups:history": "in private channels a message whose answer was lost is not looked for, and may be missed",
        "groups:read": "private channels that are named and not given by id are not found before something is posted",
        "users:read": "people to whom discrepancies are assigned in Slack are shown by their ids",
    }
)
"""What bridge works without, less well."""
