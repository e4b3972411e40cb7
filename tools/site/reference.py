"""The reference: a page for each public name, from its docstring."""

from __future__ import annotations

import inspect
import pprint
import re
import textwrap

from tools.site import gallery
from tools.site.formulas import TEX

import unified_init as ui
from unified_init.spec import presets

SECTIONS = {"Args": "Arguments", "Example": "Example", "Reference": "Reference", "Source": "Source"}
CODE = "Example"
STARS = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}
CONSTANTS = {
    "STREAM": "The version of the stream, which every serialized spec carries.",
    "KINDS": "What a layer can be: `kind` of a `Rule`, a `Record` and a `Layer`.",
    "ROLES": "What a tensor can be in its layer: `role` of a `Rule` and a `Record`.",
    "PLACES": "Where in a known architecture a layer can be: `place` of a `Rule` and a `Record`.",
    "CONVENTIONS": "The ways of counting fans: `fans` of a `Rule`.",
}
LISTS = {"Args", "Raises"}
NEWEST = "More"  # where a public name is that no group names
GROUPS = {
    "Draw": "draw fill digest backends register_backend STREAM",
    "In a framework's own terms": "as_jax as_torch as_keras from_native get",
    "Initializers of a given size": "normal uniform truncated_normal trunc_normal constant zeros ones",
    "Initializers that scale with a fan": (
        "glorot_normal glorot_uniform he_normal he_uniform lecun_normal lecun_uniform xavier_normal "
        "xavier_uniform kaiming_normal kaiming_uniform variance_scaling uniform_unit_scaling siren"
    ),
    "Other laws": (
        "laplace logistic student_t lognormal cauchy discrete rademacher bernoulli mixture sparse_of"
    ),
    "Structured initializers": (
        "orthogonal glorot_orthogonal delta_orthogonal convolutional_orthogonal identity dirac sparse "
        "hadamard bilinear_upsampling fcn_upsampling stft icnr with_norm"
    ),
    "State-space and sequence models": (
        "hippo_legs hippo_legt hippo_b s4d_lin s4d_inv s4d_real lru_nu_log lru_theta_log lru_gamma_log "
        "mamba_dt_bias mamba2_a_log rwkv_time_decay rwkv_time_first rwkv_time_mix"
    ),
    "What a spec is made of": (
        "Initializer Law Normal Uniform TruncatedNormal Quantile Constant Orthogonal DeltaOrthogonal "
        "ConvolutionalOrthogonal Identity Listed Dirac Sparse Hadamard BilinearUpsampling FcnUpsampling Stft "
        "Normed Formula Transform Laplace Logistic StudentT LogNormal Cauchy Discrete Mixture SparseOf Sum "
        "Scaled Along along Fixed Between Interval Gain VarianceScaling InverseFan FanInterval FanMoments "
        "calculate_gain depth_factor from_quantile"
    ),
    "Whole models": (
        "inspect plan apply audit probe coord_check plot match verify_match transfer read digests unfilled "
        "materialize agree save verify linen haiku"
    ),
    "Recipes and inventories": (
        "Recipe Rule Layer Split Inventory Record Part NameMap recipes KINDS ROLES PLACES CONVENTIONS"
    ),
    "Files": (
        "to_json from_json to_dict from_dict recipe_to_json recipe_from_json recipe_from_yaml recipe_schema "
        "inventory_to_json inventory_from_json"
    ),
    "Results": "Plan Report Audit AuditRow Probe CoordCheck Verification Recomputation WrongBox Linen Haiku",
    "Errors": "UnifiedInitError ArgumentValueError ArgumentTypeError BackendError",
}


def slug(name: str, thing: object) -> str:
    """Return the name of a page; `Normal` and `normal` differ where a disk ignores case."""
    return f"class_{name.lower()}" if isinstance(thing, type) else name.replace(".", "_")


def things() -> dict[str, object]:
    """Return what has a page, by its name after ``ui.``."""
    named = {name: getattr(ui, name) for name in ui.__all__}
    return named | {f"recipes.{name}": getattr(ui.recipes, name) for name in ui.recipes.__all__}


def pages() -> dict[str, str]:
    """Return the text of every page by its file's name, and of the list of all, ``index``."""
    named = things()
    return {slug(name, thing): page(name, thing) for name, thing in named.items()} | {"index": index(named)}


def page(name: str, thing: object) -> str:
    """Return the page of one name."""
    blocks = [f"# {name}"]
    if name in CONSTANTS:
        blocks += [CONSTANTS[name], f"```python\n{pprint.pformat(thing, width=88, compact=True)}\n```"]
    elif name == "recipes":
        blocks += ["Recipes: layer defaults of the frameworks, and published ones.", recipe_list()]
    else:
        blocks += [signature(f"ui.{name}", thing), *docstring(thing)]
        if name in gallery.SPECS:
            blocks += ["## Picture", gallery.shown(name)]
    if isinstance(thing, type):
        blocks += members(thing)
    return "\n\n".join(blocks) + "\n"


def members(cls: type) -> list[str]:
    """Return the public methods and properties of a class, each with its docstring."""
    blocks = []
    for name, member in vars(cls).items():
        function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if name.startswith("_") or not inspect.isfunction(function) or not function.__doc__:
            continue
        shown = name if isinstance(member, property) else signature(f".{name}", function)
        heading = f"## `.{name}`"
        blocks += [heading, *([] if isinstance(member, property) else [shown]), *docstring(function, level=3)]
    return blocks


def signature(name: str, thing: object) -> str:
    """Return how a thing is called, one argument per line where it is long."""
    if not callable(thing) or (isinstance(thing, type) and issubclass(thing, Exception)):
        return f"```python\n{name}\n```"
    parameters = [
        value for key, value in inspect.signature(thing).parameters.items() if key not in {"self", "cls"}
    ]
    result = inspect.signature(thing).return_annotation
    arrow = "" if isinstance(thing, type) or result is inspect.Signature.empty else f" -> {unquoted(result)}"
    line = f"{name}({', '.join(shown(parameters))}){arrow}"
    if len(line) > 88:  # noqa: PLR2004  # what a code block shows on a screen of 1280 points
        line = f"{name}(\n    " + ",\n    ".join(shown(parameters)) + f",\n){arrow}"
    return f"```python\n{line}\n```"


def shown(parameters: list[inspect.Parameter]) -> list[str]:
    """Return parameters as they are written, with ``*`` before those that must be named."""
    words = []
    starred = False
    for parameter in parameters:
        starred |= parameter.kind is inspect.Parameter.VAR_POSITIONAL
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not starred:
            words.append("*")
            starred = True
        kind = STARS.get(parameter.kind.name, "")
        annotation = parameter.annotation
        noted = "" if annotation is inspect.Parameter.empty else f": {unquoted(annotation)}"
        default = "" if parameter.default is inspect.Parameter.empty else default_text(parameter.default)
        words.append(f"{kind}{parameter.name}{noted}{default}")
    return words


def default_text(value: object) -> str:
    """Return a default as it is typed; those of dataclasses that a function makes are three dots."""
    text = f'"{value}"' if isinstance(value, str) else repr(value)
    return f" = {text}" if not text.startswith("<") else " = ..."


def unquoted(annotation: object) -> str:
    """Return an annotation as it is typed."""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def docstring(thing: object, level: int = 2) -> list[str]:
    """Return a docstring as blocks of Markdown: the summary, the formula, a heading for each section."""
    text = inspect.getdoc(thing) or ""
    parts = re.split(r"^(\w[\w ]*):\n(?=    )", text, flags=re.MULTILINE)
    blocks = [paragraph(block) for block in parts[0].strip().split("\n\n")]
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        blocks.append(f"{'#' * level} {SECTIONS.get(name, name)}")
        body_text = textwrap.dedent(body).strip("\n")
        if name == CODE:
            blocks.append(f"```python\n{body_text}\n```")
        elif name in LISTS:
            blocks.append(items(body_text))
        elif name == "Differs from":
            blocks.append("\n".join(f"- {markdown(line)}" for line in joined(body_text)))
        else:
            blocks += [paragraph(block) for block in body_text.split("\n\n")]
    return blocks


def joined(text: str) -> list[str]:
    """Return the entries of a section; a line further in goes on with the one before."""
    entries: list[str] = []
    for line in text.splitlines():
        if line.startswith("    ") and entries:
            entries[-1] += f" {line.strip()}"
        elif line.strip():
            entries.append(line.strip())
    return entries


def items(text: str) -> str:
    """Return ``name: what it is`` as a list."""
    entries = [entry.partition(": ") for entry in joined(text)]
    return "\n".join(
        f"- `{name.strip('`')}`: {markdown(rest)}" if rest else f"- {markdown(name)}"
        for name, _, rest in entries
    )


def paragraph(text: str) -> str:
    """Return a paragraph, or the TeX of a formula."""
    line = " ".join(text.split())
    if line in TEX:
        return f"```{{math}}\n{TEX[line]}\n```"
    return markdown(text)


def markdown(text: str) -> str:
    """Return the text of a docstring with its code as code, and nothing else as markup."""
    pieces = re.split(r"(``.+?``)", text, flags=re.DOTALL)
    return "".join(
        f"`{piece.strip('`')}`" if piece.startswith("``") else re.sub(r"([*<\[\]\\])", r"\\\1", piece)
        for piece in pieces
    )


def summary(name: str, thing: object) -> str:
    """Return the first paragraph of a docstring, fit for a cell."""
    text = CONSTANTS.get(name) or inspect.getdoc(thing) or ""
    return markdown(text.split("\n\n")[0].replace("\n", " ")).replace("|", r"\|")


def table(named: dict[str, object], names: list[str]) -> str:
    """Return names with their first lines."""
    rows = [
        f"| [`{name}`]({slug(name, named[name])}.md) | {summary(name, named[name])} |"
        for name in names
        if name in named
    ]
    return "\n".join(["| name | what it is |", "|---|---|", *rows])


def index(named: dict[str, object]) -> str:
    """Return the page that lists all names, in groups, with a hidden table of contents."""
    listed = {name for names in GROUPS.values() for name in names.split()}
    rest = [name for name in named if name not in listed and not name.startswith("recipes.")]
    more = [name for name in rest if name in presets.__all__]
    blocks = ["# Public names", "Every name of `unified_init`, as `import unified_init as ui` gives it."]
    groups = {**GROUPS, NEWEST: " ".join([*more, *(name for name in rest if name not in more)])}
    for title, names in groups.items():
        if names:
            blocks += [f"## {title}", table(named, names.split())]
    files = "\n".join(
        slug(name, thing) for name, thing in sorted(named.items(), key=lambda pair: pair[0].lower())
    )
    blocks += [f"```{{toctree}}\n:hidden:\n:maxdepth: 1\n\n{files}\n```"]
    return "\n\n".join(blocks) + "\n"


def recipe_list() -> str:
    """Return the recipes with their first lines."""
    named = things()
    return table(named, [name for name in named if name.startswith("recipes.")])
