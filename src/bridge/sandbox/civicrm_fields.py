"""The fields of the sandbox's CiviCRM, as data.

A field is one line: `name Type` and then, in any order, a number (greatest length in characters), `>Entity` (what its
ids point to), `#list` (its option list, `#@Entity` when its options are rows), `=value` (default of a new row), and the
words `multi` (several values), `ro` (read-only in the metadata), `required`, `notnull`, `utc` (a TIMESTAMP column, kept
in UTC and shown in the site's zone), `memo` (HTML is not decoded), and `org`, `ind` or `hh` (only rows of that contact
type have it).
"""

from typing import Final

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
