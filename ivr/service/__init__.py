"""The shell: events in, a pure decision, a commit, commands out."""
