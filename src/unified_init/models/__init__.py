"""What is done to models: inspect, plan, apply, and match one model's parameters with another's.

``applying`` has the public functions. A walker reads the model as an inventory; ``planning`` gives each
record an assignment and refuses what is wrong with the recipe as a whole (``plan_checks``); ``plan_text``
shows the plan. ``preparing`` turns assignments into one ``Write`` per native tensor, all checked before
anything is drawn; the walker commits them, and ``report`` says which. ``matching`` pairs the records of two
models (``match_units``) and returns a map of stream names. Walkers are known only by their protocol.
"""
