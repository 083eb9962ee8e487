"""What is asked: as of which dates, of whom, and what became of them."""
