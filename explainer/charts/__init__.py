"""Charts: what the figures of several lenses share, from the panel and its slots to colours and axes."""
