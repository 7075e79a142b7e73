"""Classes that the vision tower learns to see: printed characters, and figures (bars, shapes, tick boxes)."""

# Heads and embeddings of trained models are indexed by these places: append only.
CHARACTERS = " ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,:-/#$&'+%*()!?\u20ac\u00a3@"
CLASS = {character: index + 1 for index, character in enumerate(CHARACTERS)}      # 0 = no character
CLASS_COUNT = len(CHARACTERS) + 1

UPPER, LOWER, DIGITS = CHARACTERS[1:27], CHARACTERS[27:53], CHARACTERS[53:63]
# Ids leave out the letters that look like digits.
ID_LETTERS = UPPER.replace("O", "").replace("I", "")

COLORS = ["red", "green", "blue", "yellow", "black"]
SHAPES = ["circle", "square", "triangle"]
FIGURES = [color + " " + form for form in ["bar"] + SHAPES for color in COLORS] + ["empty box", "ticked box"]
FIGURE_CLASS = {figure: index + 1 for index, figure in enumerate(FIGURES)}        # 0 = no figure
FIGURE_COUNT = len(FIGURES) + 1
