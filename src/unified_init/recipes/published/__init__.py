"""The initializations of papers and of widely used code as recipes, one function per recipe.

Each takes the numbers that its paper needs (depth, width) and returns a recipe whose rules go by role and
place, so it serves every framework. ``shared_rules`` has the rules that many of them share. A recipe refuses
a model that lacks the layers it is about.
"""
