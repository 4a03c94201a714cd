"""CiviCRM's side: the only user of the APIv4 form.

`client` speaks HTTP and `wire` judges what comes back; `schema` resolves a mapping's paths; `pages` and `related` pull;
`changes` and `memberships` say what a change may send; `fate` finds what became of a record; `remote` fulfils the port.
"""
