"""What people say in the scenarios, in both languages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Phrases:
    """One language's lines.

    Attributes:
        question: A whole question.
        more: How it may go on.
        even_more: And on.
        unfinished: Words that promise more.
        rest: What they promised.
        interruption: What takes the floor.
        objection: The same, with no word of the interrupt list in it.
        mhm: What the recogniser makes of a hum.
        yes: A spoken backchannel.
        side: Something said to somebody else in the room.
        word: One word that is no backchannel.
        invented: What the recogniser makes of a noise.
        other: Another whole question.
    """

    language: str
    question: str
    more: str
    even_more: str
    unfinished: str
    rest: str
    interruption: str
    objection: str
    mhm: str
    yes: str
    side: str
    word: str
    invented: str
    other: str


ENGLISH = Phrases(
    language="en",
    question="what is the weather",
    more="in london tomorrow",
    even_more="around five o'clock",
    unfinished="please tell me about the",
    rest="old harbour town",
    interruption="wait stop please",
    objection="tell me something else",
    mhm="Men.",
    yes="yeah",
    side="close the window over there",
    word="over",
    invented="Thanks for watching!",
    other="how old are you",
)
UKRAINIAN = Phrases(
    language="uk",
    question="яка сьогодні погода",
    more="у києві завтра",
    even_more="близько п'ятої години",
    unfinished="розкажи мені про",
    rest="старе місто біля моря",
    interruption="чекай зупинись будь ласка",
    objection="розкажи щось зовсім інше",
    mhm="Угу.",
    yes="так",
    side="зачини вікно он там",
    word="вікно",
    invented="Дякую за перегляд!",
    other="скільки тобі років",
)
