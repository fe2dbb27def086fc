"""The rules of the contact centre: data in, data out; no input or output of any kind."""
