"""The layouts under which the tests of other libraries run with our initializers."""

from tools.peers.replacing import layouts


def test_kernels_are_read_as_their_framework_reads_them() -> None:
    """The last two axes are inputs and outputs, and those before them space, of a kernel of any rank."""
    assert [layouts()[rank] for rank in range(1, 6)] == [None, "IO", "WIO", "HWIO", "DHWIO"]


def test_an_embedding_has_the_fan_that_flax_gives_it() -> None:
    """Flax names axis 0 for the outputs of a table, whose axis -2 that is: JAX takes the width for fan_in."""
    assert layouts(outputs=0)[2] == "OI"


def test_batches_are_kept_from_the_fans() -> None:
    """An axis named as batch is one of independent copies."""
    assert layouts(batch=(0,))[3] == "BIO"
