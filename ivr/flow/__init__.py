"""Amazon Connect's Flow language, pure: effects go out, answers come in.

Reading order: ``effects`` (what a flow may ask of the world), ``outcome`` (what became of an
action), ``document`` (JSON to a checked flow), ``interpreter`` (action after action).
"""
