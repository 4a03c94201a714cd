"""Airtable: the only user of pyairtable. Nothing here knows CiviCRM, the state or who is told."""
