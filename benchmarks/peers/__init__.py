"""Tools that nobody here wrote, each in an environment of its own, and networks to run them on."""
