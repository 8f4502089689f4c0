"""An independent model of the domain, and the machine that compares every transport with it (`README.md`)."""
