"""From a recipe and its synthesizer to what can be rendered: factors, rows, splits, settings, waveforms."""
