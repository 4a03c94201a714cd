"""What a new site of the sandbox's CiviCRM holds, as data: option lists, rows, users and what each may do."""

from typing import Any, Final

# List name: (value, name, label) of each option.
OPTIONS: Final[dict[str, tuple[tuple[Any, str, str], ...]]] = {
    "contact_type": (
        ("Household", "Household", "Household"),
        ("Individual", "Individual", "Individual"),
        ("Organization", "Organization", "Organization"),
    ),
    "contact_sub_type": (
        ("Student", "Student", "Student"),
        ("Parent", "Parent", "Parent"),
        ("Staff", "Staff", "Staff"),
        ("Team", "Team", "Team"),
        ("Sponsor", "Sponsor", "Sponsor"),
        ("Worker_Cooperative", "Worker_Cooperative", "Worker Cooperative"),
        ("Developer", "Developer", "Co-op Developer"),
        ("Worker", "Worker", "Worker"),
    ),
    "preferred_communication_method": (
        ("1", "Phone", "Phone"),
        ("2", "Email", "Email"),
        ("3", "Postal Mail", "Postal Mail"),
        ("4", "SMS", "SMS"),
        ("5", "Fax", "Fax"),
    ),
    "languages": (
        ("en_US", "en_US", "English (United States)"),
        ("es_ES", "es_ES", "Spanish; Castilian (Spain)"),
        ("es_MX", "es_MX", "Spanish; Castilian (Mexico)"),
    ),
    "individual_prefix": ((1, "Mrs.", "Mrs."), (2, "Ms.", "Ms."), (3, "Mr.", "Mr."), (4, "Dr.", "Dr.")),
    "individual_suffix": ((1, "Jr.", "Jr."), (2, "Sr.", "Sr."), (3, "II", "II")),
    "gender": ((1, "Female", "Female"), (2, "Male", "Male"), (3, "Other", "Other")),
    "communication_style": ((1, "formal", "Formal"), (2, "familiar", "Familiar")),
    "email_greeting": ((1, "Dear {contact.first_name}", "Dear {contact.first_name}"),),
    "postal_greeting": ((1, "Dear {contact.first_name}", "Dear {contact.first_name}"),),
    "addressee": ((1, "individual", "Individual"), (2, "household", "Household"), (3, "organization", "Organization")),
    "preferred_mail_format": (("Text", "Text", "Text"), ("HTML", "HTML", "HTML"), ("Both", "Both", "Both")),
    "phone_type": ((1, "Phone", "Phone"), (2, "Mobile", "Mobile"), (3, "Fax", "Fax"), (4, "Pager", "Pager")),
    "payment_instrument": (
        (1, "Credit Card", "Credit Card"),
        (2, "Debit Card", "Debit Card"),
        (3, "Cash", "Cash"),
        (4, "Check", "Check"),
        (5, "EFT", "EFT"),
    ),
    "contribution_status": (
        (1, "Completed", "Completed"),
        (2, "Pending", "Pending"),
        (3, "Cancelled", "Cancelled"),
        (4, "Failed", "Failed"),
        (7, "Refunded", "Refunded"),
        (8, "Partially paid", "Partially paid"),
        (9, "Pending refund", "Pending refund"),
    ),
    "activity_type": (
        (1, "Meeting", "Meeting"),
        (2, "Phone Call", "Phone Call"),
        (3, "Email", "Email"),
        (7, "Membership Signup", "Membership Signup"),
        (8, "Membership Renewal", "Membership Renewal"),
        (35, "Change Membership Status", "Change Membership Status"),
        (51, "Contact Merged", "Contact Merged"),
        (52, "Contact Deleted by Merge", "Contact Deleted by Merge"),
        (55, "Bridge discrepancy", "Bridge discrepancy"),
    ),
    "activity_status": (
        (1, "Scheduled", "Scheduled"),
        (2, "Completed", "Completed"),
        (3, "Cancelled", "Cancelled"),
    ),
    "priority": ((1, "Urgent", "Urgent"), (2, "Normal", "Normal"), (3, "Low", "Low")),
    "relation": (
        ("Employee of", "Employee of", "Employee of"),
        ("Employer of", "Employer of", "Employer of"),
        ("Sibling of", "Sibling of", "Sibling of"),
        ("Head of Household for", "Head of Household for", "Head of Household for"),
        ("Head of Household is", "Head of Household is", "Head of Household is"),
    ),
    "benefits_status": (
        ("active", "Active", "Active member benefits"),
        ("pending", "Pending", "Pending review"),
        ("lapsed", "Lapsed", "Lapsed (no benefits)"),
        ("none", "None_", "None"),
    ),
    "sectors": (
        ("food", "food", "Food & Catering"),
        ("tech", "tech", "Technology"),
        ("care", "care", "Home care"),
        ("const", "const", "Construction"),
        ("edu", "edu", "Education / Éducation"),
    ),
    "tier": ((1, "bronze", "Bronze"), (2, "silver", "Silver"), (3, "gold", "Gold")),
    "benefits_enrolment_status": (
        ("prospect", "prospect", "Prospect"),
        ("enrolling", "enrolling", "Enrolling"),
        ("enrolled", "enrolled", "Enrolled"),
        ("terminated", "terminated", "Terminated"),
    ),
    "benefits_plans": (
        ("dental_basic", "dental_basic", "Dental Basic"),
        ("dental_plus", "dental_plus", "Dental Plus"),
        ("vision", "vision", "Vision"),
    ),
    "coverage_status": (
        ("active", "active", "Active"),
        ("pending", "pending", "Pending"),
        ("waived", "waived", "Waived"),
        ("terminated", "terminated", "Terminated"),
    ),
}

# Option lists made of rows, `#@Entity`: the columns that hold name, label and abbreviation.
OPTION_ENTITIES: Final[dict[str, tuple[str, str, str]]] = {
    "MembershipType": ("name", "title", ""),
    "MembershipStatus": ("name", "label", ""),
    "RelationshipType": ("name_a_b", "label_a_b", ""),
    "FinancialType": ("name", "label", ""),
    "LocationType": ("name", "display_name", ""),
    "StateProvince": ("name", "name", "abbreviation"),
    "Country": ("iso_code", "name", "iso_code"),
    "Group": ("name", "title", ""),
    "Tag": ("name", "label", ""),
    "CustomGroup": ("name", "title", ""),
    "OptionGroup": ("name", "title", ""),
}

SUB_TYPES: Final[dict[str, str]] = {
    "Student": "Individual",
    "Parent": "Individual",
    "Staff": "Individual",
    "Team": "Organization",
    "Sponsor": "Organization",
    "Worker_Cooperative": "Organization",
    "Developer": "Organization",
    "Worker": "Individual",
}

_US_STATES = (
    "AL Alabama,AK Alaska,AZ Arizona,AR Arkansas,CA California,CO Colorado,CT Connecticut,DE Delaware,FL Florida,"
    "GA Georgia,HI Hawaii,ID Idaho,IL Illinois,IN Indiana,IA Iowa,KS Kansas,KY Kentucky,LA Louisiana,ME Maine,"
    "MD Maryland,MA Massachusetts,MI Michigan,MN Minnesota,MS Mississippi,MO Missouri,MT Montana,NE Nebraska,"
    "NV Nevada,NH New Hampshire,NJ New Jersey,NM New Mexico,NY New York,NC North Carolina,"
    "ND North Dakota,OH Ohio,"  # codespell:ignore nd
    "OK Oklahoma,OR Oregon,PA Pennsylvania,RI Rhode Island,SC South Carolina,SD South Dakota,TN Tennessee,TX Texas,"
    "UT Utah,VT Vermont,VA Virginia,WA Washington,WV West Virginia,WI Wisconsin,WY Wyoming,DC District of Columbia"
)


def _status(number: int, name: str, start: str = "", end: str = "", current: bool = False, **more: Any) -> dict[str, Any]:
    """A row of MembershipStatus; an event such as `end_date+1month` is split into its three columns."""
    row: dict[str, Any] = {"id": number, "name": name, "label": name, "weight": number, "is_current_member": current}
    for side, event in (("start_event", start), ("end_event", end)):
        column, _, months = event.partition("+")
        row[side] = column or None
        row[f"{side}_adjust_unit"] = "month" if months else None
        row[f"{side}_adjust_interval"] = int(months) if months else None
    return row | more


# The rows a new site has. Contacts 2 to 7 are those of the users.
ROWS: Final[dict[str, list[dict[str, Any]]]] = {
    "Contact": [
        {"id": 1, "contact_type": "Organization", "organization_name": "Default Organization"},
        *(
            {"id": number, "contact_type": "Individual", "first_name": name, "last_name": "User"}
            for number, name in enumerate(("Admin", "Readonly", "Syncbot", "Minimal", "Nocustom", "Noauthx"), start=2)
        ),
    ],
    "MembershipType": [
        {"id": 1, "name": "Worker Co-op", "minimum_fee": 250},
        {"id": 2, "name": "Associate", "minimum_fee": 100},
        {"id": 3, "name": "Individual Worker", "minimum_fee": 25},
        {"id": 4, "name": "Lifetime Friend", "minimum_fee": 0, "duration_unit": "lifetime"},
        {"id": 5, "name": "Worker Co-op Member", "minimum_fee": 250},
        {
            "id": 6,
            "name": "Worker Co-op with Workers",
            "minimum_fee": 400,
            "relationship_type_id": [5],
            "relationship_direction": ["b_a"],
        },
    ],
    "MembershipStatus": [
        _status(1, "New", "join_date", "join_date+3", current=True),
        _status(2, "Current", "start_date", "end_date", current=True, is_default=True),
        _status(3, "Grace", "end_date", "end_date+1", current=True),
        _status(4, "Expired", "end_date+1"),
        _status(5, "Pending", is_reserved=True),
        _status(6, "Cancelled", is_reserved=True),
        _status(7, "Deceased", is_reserved=True, is_admin=True),
    ],
    "RelationshipType": [
        {"id": 4, "name_a_b": "Sibling of", "name_b_a": "Sibling of", "contact_type_a": None, "contact_type_b": None},
        {
            "id": 5,
            "name_a_b": "Employee of",
            "name_b_a": "Employer of",
            "contact_type_a": "Individual",
            "contact_type_b": "Organization",
        },
        {
            "id": 7,
            "name_a_b": "Head of Household for",
            "name_b_a": "Head of Household is",
            "contact_type_a": "Individual",
            "contact_type_b": "Household",
        },
    ],
    "FinancialType": [
        {"id": 1, "name": "Donation", "label": "Donation", "is_deductible": True},
        {"id": 2, "name": "Member Dues", "label": "Member Dues"},
        {"id": 4, "name": "Event Fee", "label": "Event Fee"},
    ],
    "LocationType": [
        {"id": 1, "name": "Home", "display_name": "Home", "is_default": True},
        {"id": 2, "name": "Work", "display_name": "Work"},
        {"id": 3, "name": "Main", "display_name": "Main"},
        {"id": 4, "name": "Other", "display_name": "Other"},
        {"id": 5, "name": "Billing", "display_name": "Billing", "is_reserved": True},
    ],
    "Country": [
        {"id": 1039, "name": "Canada", "iso_code": "CA"},
        {"id": 1066, "name": "El Salvador", "iso_code": "SV"},
        {"id": 1140, "name": "Mexico", "iso_code": "MX"},
        {"id": 1228, "name": "United States", "iso_code": "US"},
    ],
    "StateProvince": [
        *(
            {"id": number, "abbreviation": state[:2], "name": state[3:], "country_id": 1228}
            for number, state in enumerate(_US_STATES.split(","), start=1000)
        ),
        {"id": 1108, "abbreviation": "ON", "name": "Ontario", "country_id": 1039},
        {"id": 4412, "abbreviation": "CA", "name": "Cabañas", "country_id": 1066},
    ],
    "Group": [
        {"id": 1, "name": "Administrators", "title": "Administrators"},
        {"id": 2, "name": "member_orgs", "title": "Member organizations"},
    ],
    "Setting": [
        {"id": 1, "name": "hideCountryMailingLabels", "value": 0, "domain_id": 1},
        {"id": 2, "name": "defaultCurrency", "value": "USD", "domain_id": 1},
        {"id": 3, "name": "logging", "value": "0", "domain_id": 1},
        {"id": 4, "name": "dateInputFormat", "value": "mm/dd/yy", "domain_id": 1},
        {"id": 5, "name": "userFrameworkResourceURL", "value": "/wp-content/plugins/civicrm/civicrm", "domain_id": 1},
    ],
}

# Columns worth finding rows by; `id` always is one.
INDEXED: Final[dict[str, tuple[str, ...]]] = {
    "Contact": ("external_identifier", "employer_id", "contact_type"),
    "Membership": ("contact_id", "owner_membership_id"),
    "Relationship": ("contact_id_a", "contact_id_b"),
    "Contribution": ("contact_id",),
    "Email": ("contact_id",),
    "Phone": ("contact_id",),
    "Address": ("contact_id",),
    "Activity": ("source_contact_id",),
    "GroupContact": ("contact_id",),
    "EntityTag": ("entity_id",),
}

# Who may do what. A user's permissions are those of their role on the recorded sites.
_READ_CONTACTS = ("access CiviCRM", "view all contacts")
_READ = (*_READ_CONTACTS, "access CiviMember", "access CiviContribute")
_WRITE = (
    *_READ,
    "add contacts",
    "edit all contacts",
    "edit memberships",
    "delete in CiviMember",
    "edit contributions",
    "view all activities",
)
USERS: Final[dict[str, tuple[int, tuple[str, ...]]]] = {  # name: contact id, permissions
    "admin": (2, ("*",)),
    "readonly": (3, (*_READ, "access all custom data")),
    "syncbot": (4, (*_WRITE, "access all custom data", "access deleted contacts", "delete contacts")),
    "minimal": (5, ("access CiviCRM",)),
    "nocustom": (6, _WRITE),
}

_MEMBER = ("access CiviCRM", "access CiviMember")
_ADMINISTER = ("administer CiviCRM",)
READ_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "Membership": _MEMBER,
    "MembershipType": _MEMBER,
    "MembershipStatus": _MEMBER,
    "Contribution": ("access CiviCRM", "access CiviContribute"),
    "Setting": _ADMINISTER,
    "Domain": _ADMINISTER,
}
WRITE_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "Contact": ("access CiviCRM",),
    "Membership": (*_MEMBER, "edit memberships"),
    "Contribution": ("access CiviCRM", "access CiviContribute", "edit contributions"),
    "Email": ("access CiviCRM", "edit all contacts"),
    "Phone": ("access CiviCRM", "edit all contacts"),
    "Address": ("access CiviCRM", "edit all contacts"),
    "Relationship": ("access CiviCRM", "edit all contacts"),
    "GroupContact": ("access CiviCRM", "edit all contacts"),
    "EntityTag": ("access CiviCRM", "edit all contacts"),
    "Activity": ("access CiviCRM", "view all activities"),
}
ACTION_NEEDS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("Contact", "create"): ("access CiviCRM", "add contacts"),
    ("Contact", "save"): ("access CiviCRM", "add contacts"),
    ("Contact", "delete"): ("access CiviCRM", "delete contacts"),
    ("Contact", "mergeDuplicates"): ("access CiviCRM", "edit all contacts", "delete contacts"),
    ("Membership", "delete"): (*_MEMBER, "delete in CiviMember"),
}
