"""bridge reconciles CiviCRM and Airtable by declarative field mappings."""

__version__ = "0.1.0"
