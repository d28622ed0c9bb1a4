"""Which settings of SAMTRON matter, by changing one at a time."""
