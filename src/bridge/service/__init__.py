"""The verbs: run, apply, recover, undo, explain.

What lives here knows the core and the ports, and never an adapter: everything it needs of the world is handed to it.
"""
