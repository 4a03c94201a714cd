"""A CiviCRM, an Airtable and a Slack that run on this machine and answer as the real ones do."""
