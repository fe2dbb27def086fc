"""Text to speech and recorded prompts, as µ-law files that the switch plays.

``rendered`` implements the port; ``ssml`` and ``spelling`` decide what is said; ``worker`` is a
process of its own that loads the voice and writes the files, so that neither the event loop nor
the controller's memory carries it.
"""
