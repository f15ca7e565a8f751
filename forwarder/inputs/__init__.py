"""Where logs come from: finding files, putting them in order, reading them in blocks."""
