"""Where the readings of the `moonshine-voice` wheel can be cut so that a pause stands inside a sentence.

Each point was found by aligning the text to the sound and moved to the quietest 5 ms near by; the test beside it has
both parts decoded. Times are seconds of the recording.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["function", "content", "comma"]
"""What stands before the pause: a word that promises another one; a word that may well be the last; a list's comma."""

CITIES = "two_cities.wav"
ENDGAME = "endgame_nagg_nell.wav"


class Cut(NamedTuple):
    """Two parts of one sentence: `first` is voiced until `cut_s`, `second` from `resume_s` on."""

    kind: Kind
    recording: str
    start_s: float
    cut_s: float
    resume_s: float
    end_s: float
    first: str
    second: str


def _inside(kind: Kind, recording: str, times_s: tuple[float, float, float], text: str) -> Cut:
    start_s, cut_s, end_s = times_s
    first, second = text.split(" | ")
    return Cut(kind, recording, start_s, cut_s, cut_s, end_s, first, second)


CUTS = (
    _inside("function", CITIES, (1.21, 2.142, 4.54), "It was the best of | times, it was the worst of times,"),
    _inside("function", CITIES, (1.21, 3.397, 4.54), "It was the best of times, it was the | worst of times,"),
    _inside("function", CITIES, (1.21, 3.897, 4.54), "It was the best of times, it was the worst of | times,"),
    _inside("function", CITIES, (5.04, 5.733, 6.17), "it was the age of | wisdom,"),
    _inside("function", CITIES, (6.69, 7.397, 8.18), "it was the age of | foolishness,"),
    _inside("function", CITIES, (8.82, 9.762, 10.28), "it was the epoch of | belief,"),
    _inside("function", CITIES, (13.49, 14.262, 14.75), "it was the season of | light,"),
    _inside("function", CITIES, (15.15, 15.947, 16.66), "it was the season of | darkness,"),
    _inside("function", CITIES, (18.98, 19.288, 20.44), "it was | the winter of despair,"),
    _inside("function", CITIES, (18.98, 19.887, 20.44), "it was the winter of | despair,"),
    _inside("function", CITIES, (21.25, 21.538, 23.99), "we had | everything before us, we had nothing before us,"),
    _inside("function", CITIES, (29.94, 30.658, 32.21), "the period was | so far like the present period,"),
    _inside("function", CITIES, (29.94, 31.478, 32.21), "the period was so far like the | present period,"),
    _inside(
        "function", CITIES, (32.79, 35.797, 36.47),
        "that some of its noisiest authorities insisted on its | being received,",
    ),
    _inside("function", CITIES, (38.70, 40.347, 41.62), "in the superlative degree of | comparison only."),
    _inside("function", ENDGAME, (17.62, 18.108, 18.78), "What are you | talking about?"),
    _inside("function", ENDGAME, (20.44, 21.458, 21.84), "Thought you were in | pain."),
    _inside("function", ENDGAME, (23.77, 24.608, 24.90), "Do you remember the | day?"),
    _inside("function", ENDGAME, (25.10, 25.808, 27.37), "I went and | fetched you from that ditch."),
    _inside("function", ENDGAME, (25.10, 26.778, 27.37), "I went and fetched you from | that ditch."),
    _inside("function", ENDGAME, (25.10, 26.978, 27.37), "I went and fetched you from that | ditch."),
    _inside("function", ENDGAME, (14.67, 15.052, 15.66), "Ah, that's a | good story."),
    _inside("content", CITIES, (1.21, 1.987, 4.54), "It was the best | of times, it was the worst of times,"),
    _inside("content", CITIES, (1.21, 3.748, 4.54), "It was the best of times, it was the worst | of times,"),
    _inside("content", CITIES, (8.82, 9.602, 10.28), "it was the epoch | of belief,"),
    _inside("content", CITIES, (15.15, 15.772, 16.66), "it was the season | of darkness,"),
    _inside("content", CITIES, (21.25, 21.977, 23.99), "we had everything | before us, we had nothing before us,"),
    _inside("content", CITIES, (24.66, 25.508, 25.97), "we were all going direct | to heaven,"),
    _inside("content", CITIES, (26.58, 27.638, 28.25), "we were all going direct | the other way."),
    _inside("content", CITIES, (29.94, 30.383, 32.21), "the period | was so far like the present period,"),
    _inside("content", CITIES, (29.94, 31.123, 32.21), "the period was so far | like the present period,"),
    _inside("content", CITIES, (29.94, 31.833, 32.21), "the period was so far like the present | period,"),
    _inside(
        "content", CITIES, (32.79, 33.977, 36.47),
        "that some of its noisiest | authorities insisted on its being received,",
    ),
    _inside("content", CITIES, (36.98, 37.567, 38.33), "for good | or for evil,"),
    _inside("content", CITIES, (38.70, 39.847, 41.62), "in the superlative | degree of comparison only."),
    _inside("content", ENDGAME, (23.77, 24.483, 24.90), "Do you remember | the day?"),
    _inside("comma", CITIES, (1.21, 2.972, 4.54), "It was the best of times, | it was the worst of times,"),
    _inside("comma", CITIES, (21.25, 22.718, 23.99), "we had everything before us, | we had nothing before us,"),
    Cut("comma", CITIES, 5.04, 6.17, 6.69, 8.18, "it was the age of wisdom,", "it was the age of foolishness,"),
    Cut("comma", CITIES, 8.82, 10.28, 10.77, 12.75, "it was the epoch of belief,", "it was the epoch of incredulity,"),
    Cut("comma", CITIES, 13.49, 14.75, 15.15, 16.66, "it was the season of light,", "it was the season of darkness,"),
    Cut("comma", CITIES, 17.57, 18.72, 18.98, 20.44, "it was the spring of hope,", "it was the winter of despair,"),
    Cut(
        "comma", CITIES, 24.66, 25.97, 26.58, 28.25,
        "we were all going direct to heaven,", "we were all going direct the other way.",
    ),
    Cut("comma", CITIES, 6.69, 8.18, 8.82, 10.28, "it was the age of foolishness,", "it was the epoch of belief,"),
)  # fmt: skip


def of_kind(kind: Kind) -> list[Cut]:
    """The cuts of one kind, in the order of the table."""
    return [cut for cut in CUTS if cut.kind == kind]
