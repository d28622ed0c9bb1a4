"""The seven modules of the framework, one folder or file each, one choice per file."""
