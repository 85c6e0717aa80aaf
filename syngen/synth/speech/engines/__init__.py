"""Speech engines: programs that turn text into speech, behind one base class."""
