"""What the clone says when its mind fails: honest, short, and in the language of the turn."""

_LINES = {
    "en": {
        "deadline": "I am sorry, my thoughts are taking too long. Please ask me once more.",
        "engine": "I am sorry, my mind has just failed me. Please give me a moment and try again.",
        "begun": "I am sorry, I have lost my thread there.",
    },
    "uk": {
        "deadline": "Перепрошую, я думаю надто довго. Запитайте мене, будь ласка, ще раз.",
        "engine": "Перепрошую, мій розум щойно мене підвів. Дайте мені хвилинку і спробуйте ще раз.",
        "begun": "Перепрошую, на цьому моя думка обірвалася.",
    },
}


def line(code: str, language: str, *, begun: bool) -> str:
    """The apology for failure `code` (``deadline`` or ``engine``), in English where `language` has none.

    Args:
        code: What happened.
        language: ISO 639 code of the turn.
        begun: Part of the answer has been said already.
    """
    return _LINES.get(language, _LINES["en"])["begun" if begun else code]
