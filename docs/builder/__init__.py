"""What the site needs beside its pages."""
