"""Speech: engines, speakers, texts, styles and the synthesizer that drives them."""
