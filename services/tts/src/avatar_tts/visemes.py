"""espeak-ng phoneme mnemonics → mouth shapes, for English and Ukrainian.

The shapes are the fifteen of the OVR set. Mnemonics are those of espeak-ng's `phsource` files with the stress
and length marks taken off; what is left is looked up whole, then by its first character, so that a dialect's
variant (``i@3``, ``l^``) finds its family.
"""

from __future__ import annotations

from avatar_contracts.tts import VisemeName

_SHAPES: dict[str, tuple[VisemeName, ...]] = {
    # Lips, teeth, tongue.
    "p": ("PP",), "b": ("PP",), "m": ("PP",),
    "f": ("FF",), "v": ("FF",), "B": ("FF",),
    "T": ("TH",), "D": ("TH",),
    "t": ("DD",), "d": ("DD",), "?": ("kk",),
    "k": ("kk",), "g": ("kk",), "x": ("kk",), "Q": ("kk",), "G": ("kk",), "c": ("kk",),
    "tS": ("CH",), "dZ": ("CH",), "S": ("CH",), "Z": ("CH",),
    "s": ("SS",), "z": ("SS",), "ts": ("SS",), "dz": ("SS",),
    "n": ("nn",), "N": ("nn",), "l": ("nn",),
    "r": ("RR",), "R": ("RR",), "*": ("RR",),
    "w": ("ou",), "j": ("ih",),
    # Vowels; a diphthong is two shapes.
    "a": ("aa",), "A": ("aa",), "V": ("aa",), "aa": ("aa",), "a#": ("aa",), "0": ("aa",), "A@": ("aa", "RR"),
    "E": ("E",), "e": ("E",), "@": ("E",), "3": ("RR",), "@L": ("E", "nn"), "e@": ("E", "RR"),
    "i": ("ih",), "I": ("ih",), "y": ("ih",), "i@": ("ih", "E"),
    "O": ("oh",), "o": ("oh",), "O@": ("oh", "RR"), "o@": ("oh", "RR"),
    "u": ("ou",), "U": ("ou",), "U@": ("ou", "RR"),
    "aI": ("aa", "ih"), "aU": ("aa", "ou"), "eI": ("E", "ih"), "OI": ("oh", "ih"), "oU": ("oh", "ou"),
    "aI@": ("aa", "ih"), "aI3": ("aa", "ih"), "aU@": ("aa", "ou"),
}  # fmt: skip

SECOND_SHAPE_AT = 0.55
"""Where in a diphthong the mouth turns to its second shape, as a share of its length."""


def shapes(mnemonic: str) -> tuple[VisemeName, ...]:
    """The mouth shapes of a phoneme, in order.

    A pause is ``("sil",)``. An empty answer means that the sound has no shape of its own: the mouth already takes
    that of what follows (h, palatalisation, language switches).
    """
    if mnemonic.startswith("_"):
        return ("sil",)
    if mnemonic.startswith(("(", "h", "H", ";", "|")):
        return ()
    bare = mnemonic.strip("',%=|").replace(":", "").rstrip(';^[]-"`~2')
    for name in (bare, bare.rstrip("#"), bare[:2], bare[:1]):
        if name in _SHAPES:
            return _SHAPES[name]
    return ()
