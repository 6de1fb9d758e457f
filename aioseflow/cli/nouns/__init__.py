"""The nouns, ``aioseflow vm`` and the like: every call of the API under the words that operators use."""
