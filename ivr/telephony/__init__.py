"""Asterisk, and nobody else knows it."""
