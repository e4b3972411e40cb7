"""Places: the architectural role of each layer, read from the words of its path.

Published recipes speak of "the output projection of attention"; models call it ``c_proj``, ``o_proj``,
``attention/out`` or ``self_attention/linear``. The tables here have those words. A layer with other words has
no place, and a recipe that needs one then refuses the model.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unified_init.inventory.records import Record
    from unified_init.inventory.vocabulary import Place

__all__ = ["block_of", "is_word_of", "placed", "unwrapped", "words_of"]

# Words that torch.compile, FSDP and activation checkpointing insert into the paths of the modules they wrap.
INSERTED = re.compile(r"(?<![^.])(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")

ATTENTION = re.compile(r"attn|attention|mha|self_att")
MLP = re.compile(
    r"^(ff|intermediate|output|transition|experts?)(_|\d|n?$)|(^|_)(mlp|ffn|feed_?forward|moe)"
    r"|densereludense|positionwise"
)
PROJECTIONS: dict[Place, str] = {
    "attention.qkv": "qkv c_attn in_proj in_proj_weight in_proj_bias query_key_value wqkv qkv_proj att_proj",
    "attention.query": (
        "q query q_proj wq q_lin to_q query_proj linear_q query_dense q_proj_weight self_query"
    ),
    "attention.key": "k key k_proj wk k_lin to_k key_proj linear_k key_dense k_proj_weight self_key",
    "attention.value": (
        "v value v_proj wv v_lin to_v value_proj linear_v value_dense v_proj_weight self_value"
    ),
    "attention.out": (
        "o out o_proj out_proj c_proj proj wo out_lin to_out dense attention_output output_proj linear "
        "linear_out output attn_out output_dense"
    ),
    "attention.extra": "relative_attention_bias bias_k bias_v relative_position_bias_table",
}
FORWARD: dict[Place, str] = {
    "mlp.in": (
        "c_fc fc1 wi wi_1 up_proj w3 dense_h_to_4h lin1 fc_in linear1 linear_1 lin_1 fc_1 fc1_x ff_proj "
        "feedforward_intermediate_dense intermediate_dense gate_up_proj ffn pwconv1"
    ),
    "mlp.gate": "gate_proj wi_0 w1 fc1_g gate",
    "mlp.out": (
        "c_proj fc2 wo down_proj w2 dense_4h_to_h lin2 fc_out linear2 linear_2 lin_2 fc_2 ff_out "
        "feedforward_output_dense output_dense ffn_output pwconv2"
    ),
}
STANDALONE: dict[Place, str] = {  # words that say enough without a context, the more specific first
    "modulation": "adaln_modulation adaln ada_ln modulation",
    "time": "t_embedder time_embed time_embedding time_embedder timestep_embedder time_mlp",
    "shortcut": (
        "downsample shortcut shortcut_conv conv_shortcut proj_shortcut skip shortcut_batchnorm conv_proj "
        "norm_proj"
    ),
    "head": (
        "head head_dist lm_head classifier logits score embed_out predictions heads classification_head "
        "qa_outputs output_layer output_projection final_layer"
    ),
    "patch": "patch_embed patch_embeddings patch_embedding patchify x_embedder",
    "stem": "stem conv_stem stem_conv initial_conv conv_init conv1_conv",
}
# Layers of a block that BERT names after their places.
BERT: dict[str, Place] = {"intermediate": "mlp.in", "output": "mlp.out"}
# Words of layers at the top of a model.
ROOTS: dict[str, Place] = {"fc": "head", "ff_out": "head", "conv1": "stem", "conv_proj": "patch"}
WRAPPERS = re.compile(r"res_?net\d*|transformer|model|module|backbone|base_model")
# Words that mean a projection of attention even if no word above them says attention.
UNAMBIGUOUS = (
    "qkv c_attn in_proj_weight in_proj_bias query_key_value wqkv att_proj q_proj k_proj v_proj o_proj wq wk "
    "wv relative_attention_bias attn_out attention_output"
)
# Layers of a feed-forward branch that may be directly in their block.
DIRECT = (
    "fc1 fc2 linear1 linear2 c_fc ff_proj ff_out feedforward_intermediate_dense feedforward_output_dense "
    "up_proj gate_proj down_proj ffn ffn_output pwconv1 pwconv2"
)
# The layer that chooses the experts of a mixture. Where experts are beside it, it may be called a gate.
ROUTER = re.compile(r"(^|_)router(_|$)")
EXPERTS = re.compile(r"(\w+_)?experts?(_?\d+)?")
POSITION = re.compile(r"wpe|pos(ition)?_?(emb|enc)|position|^pos")
TYPE = re.compile(r"token_type|segment|type_emb")
BLOCK = re.compile(r"(?:h|\w*?(?:layers?|blocks?))_?(\d+)(?:_\w+)?|h(\d+)|(\d+)")
CONTAINER = re.compile(r"^h$|blocks?$|layers?$")
NO_BLOCK = re.compile(r"mlp|attn|attention|group|norm|head")
# Two layers of one branch that only their numbers distinguish; some models omit the first number.
SEQUENCE = re.compile(r"(?:linear|dense|fc|lin|layers?|conv)?_?(\d*)")
NORMS = re.compile(r"(?:bn|batch_?norm|norm|batchnormalization|gn|group_?norm)_?(\d*)")
CONVS = re.compile(r"(?:conv|conv2d|convolution)_?(\d*)")
# Keras' residual networks write the block into the name: conv2_block1_3_bn.
FLAT = re.compile(r"(\w*block\d+)_(\d)_(?:bn|conv)")


def unwrapped(path: str) -> str:
    """Return a native path without the words of wrapper modules."""
    return INSERTED.sub("", path)


def words_of(path: str) -> list[str]:
    """Return the words of a native path in lower case, without those of wrapper modules."""
    return list(_words(path))


@functools.lru_cache(maxsize=4096)  # several questions are asked of each path
def _words(path: str) -> tuple[str, ...]:
    return tuple(word for word in re.split(r"[./~]+", unwrapped(path).lower()) if word)


def block_of(path: str) -> int | None:
    """Return the index of the repeated block that a path is in: the first number among its words.

    In a plain sequence of layers, the number of the layer itself is not the index of a block.
    """
    words = words_of(path)[:-1]
    is_sequence = len(words) > 0 and words[-1].isdigit() and not CONTAINER.search(" ".join(words[-2:-1]))
    for word in words[:-1] if is_sequence else words:
        number_match = BLOCK.fullmatch(word)
        if number_match and (word[0] == "h" or not NO_BLOCK.search(word)):
            return int(next(group for group in number_match.groups() if group is not None))
    return None


def placed(records: list[Record]) -> tuple[Record, ...]:
    """Return the records with places and blocks, where the walker did not set them."""
    attends = any(
        record.kind == "attention" or _context(words_of(record.path)) == "attention" for record in records
    )
    mixtures = {
        path[:index]
        for path in (_words(record.path) for record in records)
        for index, word in enumerate(path)
        if EXPERTS.fullmatch(word)
    }
    shortcuts = {_first_of_block(record) for record in records if record.kind == "conv"}
    located = []
    for record in records:
        block = block_of(record.path) if record.block is None else record.block
        place = record.place or _place(record, within=attends or block is not None)
        if record.kind == "linear" and _routes(_words(record.path), mixtures):
            place = "router"
        if _first_of_block(record) not in {"", *shortcuts}:  # before the first convolution, as in DenseNet
            place = record.place
        if place != record.place or block != record.block:
            record = dataclasses.replace(record, place=place, block=block)  # noqa: PLW2901  # the same one
        located.append(record)
    places = {
        **_pairs(located),
        **_last(located, ("batch_norm", "group_norm"), NORMS, "last_norm"),
        **_last(located, ("conv",), CONVS, "last_conv"),
    }
    return tuple(
        dataclasses.replace(record, place=places[index]) if index in places else record
        for index, record in enumerate(located)
    )


def is_word_of(place: str, path: str) -> bool:
    """Whether a layer is called as layers of a place are, in some other context than that of its path."""
    layer = _layer(words_of(path))
    return any(
        layer in words.split()
        for table in (PROJECTIONS, FORWARD)
        for name, words in table.items()
        if name == place
    )


def _lookup(table: dict[Place, str], word: str) -> Place:
    return next(
        (
            place
            for place, place_words in table.items()
            if word in place_words and word in place_words.split()
        ),
        "",
    )


def _layer(words: list[str]) -> str:
    return words[-2] if len(words) > 1 else words[-1]


def _first_of_block(record: Record) -> str:
    """Return the block of Keras' name of a block's first layer, numbered 0; "" for any other layer."""
    flat_match = FLAT.fullmatch(_layer(words_of(record.path)))
    return flat_match[1] if flat_match and flat_match[2] == "0" else ""


def _place(record: Record, *, within: bool) -> Place:
    words = words_of(record.path)
    if record.kind == "parameter":  # named like a layer, without one around it: experts/down_proj
        words = [*words, ""]
        return _projection(words, _layer(words), within=within)
    layer = _layer(words)
    if record.kind == "embedding":
        return _table(words, layer)
    standalone = "shortcut" if _first_of_block(record) else _standalone_place(words)
    if record.kind not in {"linear", "conv", "attention"}:
        return "shortcut" if record.kind.endswith("norm") and standalone == "shortcut" else ""
    if standalone in {"modulation", "time", "head"} and _context(words) != "attention":
        return standalone
    return _projection(words, layer, within=within) or standalone


def _routes(words: tuple[str, ...], mixtures: set[tuple[str, ...]]) -> bool:
    """Whether a layer is the router of a mixture of experts, or a part of it."""
    return any(
        ROUTER.search(word) or (word == "gate" and words[:index] in mixtures)
        for index, word in enumerate(words[:-1])
    )


def _table(words: list[str], layer: str) -> Place:
    """Return the place of an embedding."""
    text = " ".join(words)  # a table may be a tensor of its own: `self.wpe = Param(...)`
    if TYPE.search(text):
        return "embedding.type"
    if _lookup(PROJECTIONS, layer) == "attention.extra":
        return "attention.extra"
    return "embedding.position" if POSITION.search(text) else "embedding.token"


def _context(words: list[str]) -> str:
    """Return the branch that a layer is in, by the nearest word above it: "attention", "mlp" or ""."""
    for word in reversed(words[:-2]):
        if ATTENTION.search(word):
            return "attention"
        if MLP.search(word):
            return "mlp"
    return ""


def _projection(words: list[str], layer: str, *, within: bool) -> Place:
    """Return the place of a projection of attention or of a feed-forward layer."""
    for word in (layer, words[-1]):
        if word in UNAMBIGUOUS.split():
            return _lookup(PROJECTIONS, word)
    match _context(words):
        case "attention":
            return _lookup(PROJECTIONS, layer)
        case "mlp" if layer == "dense":  # BERT: intermediate.dense, output.dense, attention.output.dense
            if any(ATTENTION.search(word) for word in words[:-2]):
                return "attention.out"
            return BERT.get(words[-3], "")
        case "mlp":
            return _lookup(FORWARD, layer)
    return _lookup(FORWARD, layer) if layer in DIRECT.split() and within else ""


def _standalone_place(words: list[str]) -> Place:
    """Return the place that one word of a path says by itself; "" if none does."""
    layer_words = [word for word in words[:-1] if not WRAPPERS.fullmatch(word)]
    if len(layer_words) == 1 and layer_words[0] in ROOTS:
        return ROOTS[layer_words[0]]
    return next(
        (
            place
            for place, place_words in STANDALONE.items()
            if any(word in place_words.split() for word in words[:-1])
        ),
        "",
    )


def _pairs(records: list[Record]) -> dict[int, Place]:
    """Return the places of the two layers of feed-forward branches that only numbers distinguish."""
    branches: dict[str, dict[int, list[int]]] = {}
    for index, record in enumerate(records):
        words = words_of(record.path)
        if record.kind not in {"linear", "conv"} or record.place not in {"", "mlp.in", "mlp.out"}:
            continue
        number_match = SEQUENCE.fullmatch(_layer(words))
        if number_match and len(words) > 2 and _context(words) == "mlp" and record.block is not None:  # noqa: PLR2004
            branches.setdefault(_above(record.path), {}).setdefault(int(number_match[1] or 0), []).append(
                index
            )
    places: dict[int, Place] = {}
    in_and_out: tuple[Place, Place] = ("mlp.in", "mlp.out")
    for layers in branches.values():
        if len(layers) == len(in_and_out):
            for number, place in zip(sorted(layers), in_and_out, strict=True):
                places |= dict.fromkeys(layers[number], place)
    return places


def _above(path: str) -> str:
    """Return a path without its last two words."""
    return re.sub(r"[^./~]+[./~]+[^./~]+$", "", unwrapped(path))


def _last(
    records: list[Record], kinds: tuple[str, ...], pattern: re.Pattern[str], place: Place
) -> dict[int, Place]:
    """Return the place of the last numbered layer of each residual block of convolutions."""
    blocks: dict[str, dict[int, list[int]]] = {}
    for index, record in enumerate(records):
        words = words_of(record.path)
        if record.kind not in kinds or record.place:
            continue
        layer = _layer(words)
        number_match, flat_match = pattern.fullmatch(layer), FLAT.fullmatch(layer)
        if flat_match:
            blocks.setdefault(flat_match[1], {}).setdefault(int(flat_match[2]), []).append(index)
        elif number_match and re.search(r"\d", "".join(words[:-2])):
            blocks.setdefault(_above(record.path), {}).setdefault(int(number_match[1] or 0), []).append(index)
    # A block with only one layer of the kind is not a residual branch.
    return {index: place for layers in blocks.values() if len(layers) > 1 for index in layers[max(layers)]}
