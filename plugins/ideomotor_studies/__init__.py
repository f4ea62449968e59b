"""Studies: what combines the plug-ins; one module per paper."""
