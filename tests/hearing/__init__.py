"""What a recording holds: tones (who is heard, when) and words."""
