"""The pure core: records in, plan out.

No I/O, no clock, no log and no environment may ever live here; what a function needs it is given.
Only libraries of values (phonenumbers, rapidfuzz) are used.
"""
