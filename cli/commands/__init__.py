"""One module a command or family of commands. They import what they need when they run."""
