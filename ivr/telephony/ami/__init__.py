"""The Asterisk Manager Interface: commands out, events in."""
