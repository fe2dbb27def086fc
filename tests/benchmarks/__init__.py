"""``make bench``: what the controller costs beside plain dialplan, measured in one run."""
