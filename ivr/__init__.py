"""Contact-centre controller for Asterisk: queued callbacks, routing and call flows."""
