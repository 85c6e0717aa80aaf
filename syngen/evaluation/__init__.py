"""How good a representation is: disentanglement metrics, one module per family; probes; encoders."""
