"""Avatar llm."""
