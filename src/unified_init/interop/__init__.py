"""Into and out of the frameworks' own vocabularies: their initializer objects and names."""
