"""What people write down: settings in the environment and mappings in YAML, checked whole and turned into the core's types.

Every problem is told at once, each with its place, what was expected, what was found and the nearest right word.
No network lives here: `live` holds a mapping against schemas that somebody else has read.
"""
