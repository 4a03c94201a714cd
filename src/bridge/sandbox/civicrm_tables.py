"""What the sandbox's CiviCRM consists of, as data: fields, option lists, permissions and the rows of a new site.

A field is one line: `name Type` and then, in any order, a number (greatest length in characters), `>Entity` (what its
ids point to), `#list` (its option list), `=value` (default of a new row), and the words `multi` (several values),
`ro` (read-only in the metadata), `required`, `notnull`, `utc` (a TIMESTAMP column, kept in UTC and shown in the site's
zone), `memo` (HTML is not decoded), and `org`, `ind` or `hh` (only rows of that contact type have it).
"""

from typing import Any, Final

FIELDS: Final[dict[str, str]] = {
    "Contact": """
        id Integer ro notnull
        contact_type String 64 ro #contact_type
        external_identifier String 64
        display_name String 128 ro
        organization_name String 128 org ind
        contact_sub_type String 255 multi #contact_sub_type
        first_name String 64 ind
        middle_name String 64 ind
        last_name String 64 ind
        do_not_email Boolean notnull =false
        do_not_phone Boolean notnull =false
        do_not_mail Boolean notnull =false
        do_not_sms Boolean notnull =false
        do_not_trade Boolean notnull =false
        is_opt_out Boolean notnull =false
        legal_identifier String 32
        sort_name String 128 ro
        nick_name String 128
        legal_name String 128 org
        image_URL Text memo
        preferred_communication_method String 255 multi #preferred_communication_method
        preferred_language String 5 =en_US #languages
        hash String 32 ro
        api_key String 32 ro
        source String 255
        prefix_id Integer ind #individual_prefix
        suffix_id Integer ind #individual_suffix
        formal_title String 64 ind
        communication_style_id Integer =1 #communication_style
        email_greeting_id Integer #email_greeting
        email_greeting_custom String 128
        email_greeting_display String 255 ro
        postal_greeting_id Integer #postal_greeting
        postal_greeting_custom String 128
        postal_greeting_display String 255 ro
        addressee_id Integer #addressee
        addressee_custom String 128
        addressee_display String 255 ro
        job_title String 255 ind
        gender_id Integer ind #gender
        birth_date Date ind
        is_deceased Boolean notnull =false
        deceased_date Date
        household_name String 128 hh
        primary_contact_id Integer ro hh >Contact
        sic_code String 8 org
        user_unique_id String 255
        employer_id Integer ind >Contact
        is_deleted Boolean notnull =false
        created_date Timestamp ro utc
        modified_date Timestamp ro utc
        preferred_mail_format String 8 =Both #preferred_mail_format
        """,
    "Membership": """
        id Integer ro notnull
        contact_id Integer required notnull >Contact
        membership_type_id Integer required notnull >MembershipType #@MembershipType
        join_date Date
        start_date Date
        end_date Date
        source String 128
        status_id Integer notnull >MembershipStatus #@MembershipStatus
        is_override Boolean notnull =false
        status_override_end_date Date
        owner_membership_id Integer >Membership
        max_related Integer
        is_test Boolean notnull =false
        is_pay_later Boolean notnull =false
        contribution_recur_id Integer
        """,
    "MembershipType": """
        id Integer ro notnull
        domain_id Integer notnull =1
        name String 128 required notnull
        title String 255
        frontend_title String 255
        description String 255
        member_of_contact_id Integer required notnull >Contact
        financial_type_id Integer notnull >FinancialType #@FinancialType
        minimum_fee Money =0
        duration_unit String 8 required notnull =year
        duration_interval Integer =1
        period_type String 8 required notnull =rolling
        fixed_period_start_day Integer
        fixed_period_rollover_day Integer
        relationship_type_id Integer multi >RelationshipType
        relationship_direction String 128 multi
        max_related Integer
        visibility String 64 =Public
        weight Integer =1
        receipt_text_signup String 255
        receipt_text_renewal String 255
        auto_renew Boolean =false
        is_active Boolean notnull =true
        """,
    "MembershipStatus": """
        id Integer ro notnull
        name String 128 required
        label String 128
        start_event String 12
        start_event_adjust_unit String 8
        start_event_adjust_interval Integer
        end_event String 12
        end_event_adjust_unit String 8
        end_event_adjust_interval Integer
        is_current_member Boolean notnull =false
        is_admin Boolean notnull =false
        weight Integer
        is_default Boolean notnull =false
        is_active Boolean notnull =true
        is_reserved Boolean notnull =false
        """,
    "Relationship": """
        id Integer ro notnull
        contact_id_a Integer required notnull >Contact
        contact_id_b Integer required notnull >Contact
        relationship_type_id Integer required notnull >RelationshipType #@RelationshipType
        start_date Date
        end_date Date
        is_active Boolean notnull =true
        description String 255
        is_permission_a_b Integer notnull =0
        is_permission_b_a Integer notnull =0
        case_id Integer
        created_date Timestamp ro utc
        modified_date Timestamp ro utc
        """,
    "RelationshipType": """
        id Integer ro notnull
        name_a_b String 64 required
        label_a_b String 64
        name_b_a String 64
        label_b_a String 64
        description String 255
        contact_type_a String 12
        contact_type_b String 12
        contact_sub_type_a String 64
        contact_sub_type_b String 64
        is_reserved Boolean
        is_active Boolean notnull =true
        """,
    "Contribution": """
        id Integer ro notnull
        contact_id Integer required notnull >Contact
        financial_type_id Integer required >FinancialType #@FinancialType
        contribution_page_id Integer
        payment_instrument_id Integer =4 #payment_instrument
        receive_date Timestamp
        non_deductible_amount Money =0
        total_amount Money required notnull
        fee_amount Money =0
        net_amount Money
        trxn_id String 255
        invoice_id String 255
        invoice_number String 255
        currency String 3 =USD
        cancel_date Timestamp
        cancel_reason Text
        receipt_date Timestamp
        thankyou_date Timestamp
        source String 255
        amount_level Text
        contribution_recur_id Integer
        is_test Boolean notnull =false
        is_pay_later Boolean notnull =false
        contribution_status_id Integer =1 #contribution_status
        address_id Integer >Address
        check_number String 255
        creditnote_id String 255
        tax_amount Money =0
        revenue_recognition_date Timestamp
        is_template Boolean notnull =false
        created_date Timestamp ro utc
        modified_date Timestamp ro utc
        """,
    "Email": """
        id Integer ro notnull
        contact_id Integer >Contact
        location_type_id Integer =1 >LocationType #@LocationType
        email String 254
        is_primary Boolean notnull =false
        is_billing Boolean notnull =false
        on_hold Integer notnull =0
        is_bulkmail Boolean notnull =false
        hold_date Timestamp
        reset_date Timestamp
        signature_text Text
        signature_html Text
        """,
    "Phone": """
        id Integer ro notnull
        contact_id Integer >Contact
        location_type_id Integer =1 >LocationType #@LocationType
        is_primary Boolean notnull =false
        is_billing Boolean notnull =false
        mobile_provider_id Integer
        phone String 32
        phone_ext String 16
        phone_numeric String 32 ro
        phone_type_id Integer =1 #phone_type
        """,
    "Address": """
        id Integer ro notnull
        contact_id Integer >Contact
        location_type_id Integer =1 >LocationType #@LocationType
        is_primary Boolean notnull =false
        is_billing Boolean notnull =false
        street_address String 96
        supplemental_address_1 String 96
        supplemental_address_2 String 96
        city String 64
        county_id Integer
        state_province_id Integer >StateProvince #@StateProvince
        postal_code_suffix String 12
        postal_code String 64
        country_id Integer >Country #@Country
        geo_code_1 Float
        geo_code_2 Float
        manual_geo_code Boolean notnull =false
        name String 255
        master_id Integer >Address
        """,
    "Activity": """
        id Integer ro notnull
        source_contact_id Integer required >Contact
        target_contact_id Integer multi >Contact
        assignee_contact_id Integer multi >Contact
        source_record_id Integer
        activity_type_id Integer required notnull =1 #activity_type
        subject String 255
        activity_date_time Timestamp
        duration Integer
        location String 255
        details Text memo
        status_id Integer =2 #activity_status
        priority_id Integer =2 #priority
        parent_id Integer >Activity
        is_test Boolean notnull =false
        is_deleted Boolean notnull =false
        created_date Timestamp ro utc
        modified_date Timestamp ro utc
        """,
    "Group": """
        id Integer ro notnull
        name String 64
        title String 255 required
        description Text
        saved_search_id Integer
        is_active Boolean notnull =true
        visibility String 24
        is_hidden Boolean notnull =false
        is_reserved Boolean notnull =false
        """,
    "GroupContact": """
        id Integer ro notnull
        group_id Integer required >Group #@Group
        contact_id Integer required >Contact
        status String 8 =Added
        """,
    "Tag": """
        id Integer ro notnull
        name String 64 required
        label String 64
        description String 255
        parent_id Integer >Tag
        is_selectable Boolean =true
        """,
    "EntityTag": """
        id Integer ro notnull
        entity_table String 64 =civicrm_contact
        entity_id Integer required >Contact
        tag_id Integer required >Tag #@Tag
        """,
    "LocationType": """
        id Integer ro notnull
        name String 64
        display_name String 64
        vcard_name String 64
        description String 255
        is_reserved Boolean
        is_active Boolean =true
        is_default Boolean =false
        """,
    "Country": """
        id Integer ro notnull
        name String 64
        iso_code String 2
        is_active Boolean =true
        """,
    "StateProvince": """
        id Integer ro notnull
        name String 64
        abbreviation String 4
        country_id Integer >Country #@Country
        is_active Boolean =true
        """,
    "FinancialType": """
        id Integer ro notnull
        name String 64 required
        label String 64
        description String 255
        is_deductible Boolean =false
        is_reserved Boolean =false
        is_active Boolean =true
        """,
    "OptionGroup": """
        id Integer ro notnull
        name String 64
        title String 255
        is_active Boolean =true
        """,
    "OptionValue": """
        id Integer ro notnull
        option_group_id Integer >OptionGroup #@OptionGroup
        label String 512
        value String 512
        name String 255
        is_active Boolean =true
        weight Integer
        """,
    "CustomGroup": """
        id Integer ro notnull
        name String 64
        title String 64
        extends String 255
        is_multiple Boolean =false
        is_active Boolean =true
        table_name String 64
        """,
    "CustomField": """
        id Integer ro notnull
        custom_group_id Integer >CustomGroup #@CustomGroup
        name String 64
        label String 255
        data_type String 16
        html_type String 32
        is_required Boolean =false
        text_length Integer
        is_active Boolean =true
        column_name String 255
        option_group_id Integer >OptionGroup
        serialize Integer =0
        """,
    "Domain": """
        id Integer ro notnull
        name String 64
        contact_id Integer >Contact
        version String 32 ro
        """,
    "Setting": """
        name String 255
        value String 255
        domain_id Integer
        """,
    "Entity": """
        name String 64
        title String 64
        type String 64 multi
        primary_key String 64 multi
        searchable String 16
        """,
    "RelationshipCache": """
        id Integer ro notnull
        relationship_id Integer >Relationship
        relationship_type_id Integer >RelationshipType #@RelationshipType
        orientation String 3
        near_contact_id Integer >Contact
        near_relation String 64 #relation
        far_contact_id Integer >Contact
        far_relation String 64 #relation
        is_active Boolean
        is_current Boolean
        start_date Date
        end_date Date
        """,
    "Custom_Audit_Visits": """
        id Integer ro notnull
        entity_id Integer required >Contact
        Visit_Date Date
        Score Integer
        """,
}

# Group name: (title, what it extends, its fields). A multi-record group is an entity of its own in FIELDS.
CUSTOM_GROUPS: Final[dict[str, tuple[str, str, str]]] = {
    "Coop_Details": (
        "Co-op Details",
        "Organization",
        """
        External_Key String 64
        benefits_status String 255 #benefits_status
        Joined_On Date
        Last_Verified_At Timestamp
        Annual_Revenue Money
        Is_Unionized Boolean
        Sectors String 255 multi #sectors
        Tier Integer #tier
        Primary_Liaison Integer >Contact
        Worker_Count Integer
        Score Float
        Notes Text memo
        Website_Link String 2047
        Required_Code String 255 notnull
        """,
    ),
    "Dues_Info": (
        "Dues info",
        "Membership",
        """
        Ledger_Ref String 255
        Dues_Rate Money
        """,
    ),
    "Benefits": (
        "Benefits",
        "Organization",
        """
        Status String 255 #benefits_enrolment_status
        Plans String 255 multi #benefits_plans
        Effective_Date Date
        Notes Text memo
        """,
    ),
    "Enrollment": (
        "Enrollment",
        "Individual",
        """
        Coverage_Status String 255 #coverage_status
        Plan String 255 #benefits_plans
        Start_Date Date
        End_Date Date
        Member_Number String 64
        Monthly_Premium Money
        """,
    ),
}

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
    "NV Nevada,NH New Hampshire,NJ New Jersey,NM New Mexico,NY New York,NC North Carolina,ND North Dakota,OH Ohio,"
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
