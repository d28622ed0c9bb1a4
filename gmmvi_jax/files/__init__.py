"""Files that are written all or nothing, and read with errors that name them."""
