"""How each language writes dates on pages; what is not said here is as Django has it."""
