"""Time of a step, beside that of the published code and beside what the machine could do."""
