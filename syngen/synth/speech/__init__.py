"""Speech: what is said, who says it and how, and the programs that can speak."""
