"""Training: recipes, objectives (one file a published system), and the loop, which is Lightning's.

:func:`upframe.training.recipe.read_recipe` reads a recipe, :func:`upframe.training.loop.train` carries it out.
"""
