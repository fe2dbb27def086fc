"""The Asterisk Gateway Interface over TCP (FastAGI): a leg in the controller's hands."""
