"""What bridge says to people: the English wording, and one gettext catalogue for each language.

Only words live here. English wording is the message id; `en` and `es` both carry every message, which a test holds.
"""
