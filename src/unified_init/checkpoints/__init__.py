"""Folders of weights that are drawn into files, and the proof of weights by drawing them again.

``saving`` draws a model of any size into a folder, in little memory; ``proving`` compares a folder, or a
model that is in memory, with what a recipe and a seed give. ``contents`` says what belongs in a folder,
``safetensors_files`` how a file is laid out, ``folder`` what the folder says of itself.
"""
