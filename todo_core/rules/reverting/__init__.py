"""How a change is taken back, one file for each kind of row that it touched."""
