"""The audit of a recipe that speaks: speakers, texts and styles, and how they sound."""
