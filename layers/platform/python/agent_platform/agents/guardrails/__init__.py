"""What holds an agent's answer: its author's rules, and personal data that must not be kept.

`rules` makes the rules of a definition part of the answer, so that they are checked without a further call of the
model; `redaction` takes personal data out of JSON values by the detectors beside it. Nothing here calls
anything outside.
"""
