"""The room of the Sky page: what is asked for, what archives have there, and what becomes of what was chosen."""
