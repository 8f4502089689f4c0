"""Load libraries without what they would load or make that nothing here uses: each process would keep it."""
