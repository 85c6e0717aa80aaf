"""Who says it, and how: speakers, styles, and what is done to the sound."""
