"""What is said: sentences, grammars, lists, and how they are spelt."""
