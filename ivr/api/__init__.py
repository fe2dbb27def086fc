"""The HTTP interface under ``/v1``: small, on loopback, for the command line and programs."""
