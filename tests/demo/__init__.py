"""``make demo``: the main job, played with real SIP phones on a real Asterisk."""
