"""English text as it is read aloud."""

from __future__ import annotations

import pytest

from avatar_tts.normalise import normalise

CASES = [
    # Numbers.
    ("I have 3 cats.", "I have three cats."),
    ("1,234 people", "one thousand two hundred and thirty four people"),
    ("1,000,000 stars", "one million stars"),
    ("Pi is 3.14.", "Pi is three point one four."),
    ("0.5", "zero point five"),
    ("agent 007", "agent zero zero seven"),
    ("It is -5 outside", "It is minus five outside"),
    ("123456789012345", "one two three, four five six, seven eight nine, zero one two, three four five"),
    ("the 1st, 2nd, 3rd and 22nd", "the first, second, third and twenty second"),
    ("v3.11.2", "v three point eleven point two"),
    ("GPT4 and MP3", "G-P-T four and M-P three"),
    # Years and decades.
    ("in 1999", "in nineteen ninety nine"),
    ("in 2005", "in two thousand and five"),
    ("since 1066 it was", "since one thousand and sixty six it was"),
    ("by 2024.", "by twenty twenty four."),
    ("the 1990s", "the nineteen nineties"),
    ("the '80s", "the eighties"),
    ("the 1900s", "the nineteen hundreds"),
    ("2000 people came", "two thousand people came"),
    # Times.
    ("at 10:30", "at ten thirty"),
    ("at 10:05 a.m. sharp", "at ten oh five A-M sharp"),
    ("It ends at 5 p.m.", "It ends at five P-M."),
    ("at 5pm today", "at five P-M today"),
    ("My clock says 9:05 AM. I hope so.", "My clock says nine oh five A-M. I hope so."),
    ("at 9:00", "at nine o'clock"),
    ("at 17:00", "at seventeen hundred"),
    ("a ratio of 3:1", "a ratio of three to one"),
    # Dates.
    ("2024-11-20", "November twentieth, twenty twenty four"),
    ("20.11.2024", "November twentieth, twenty twenty four"),
    ("11/20/2024", "November twentieth, twenty twenty four"),
    ("on Jan 5, 2024", "on January fifth, twenty twenty four"),
    ("March 3rd", "March third"),
    ("on 24 August 1991", "on the twenty fourth of August, nineteen ninety one"),
    ("the 5th of May", "the fifth of May"),
    # Money.
    ("$5", "five dollars"),
    ("$1", "one dollar"),
    ("It costs $3.50, ok?", "It costs three dollars and fifty cents, okay?"),
    ("$0.99", "ninety nine cents"),
    ("£2m", "two million pounds"),
    ("€5 bn", "five billion euros"),
    ("$1.5 million", "one point five million dollars"),
    ("100 USD", "one hundred dollars"),
    ("50 €", "fifty euros"),
    ("₴200", "two hundred hryvnias"),
    ("1 UAH", "one hryvnia"),
    # Percent, units, ranges, fractions.
    ("50% off", "fifty percent off"),
    ("3.5 %", "three point five percent"),
    ("100 km/h", "one hundred kilometers per hour"),
    ("1 km", "one kilometer"),
    ("20°C", "twenty degrees Celsius"),
    ("5kg", "five kilograms"),
    ("16 GB of RAM", "sixteen gigabytes of RAM"),
    ("wait 5 min.", "wait five minutes."),
    ("20 ms", "twenty milliseconds"),
    ("30 m²", "thirty square meters"),
    ("5–10 km", "five to ten kilometers"),
    ("5-10 minutes", "five to ten minutes"),
    ("$5-10", "five dollars to ten"),
    ("2019–2021", "twenty nineteen to twenty twenty one"),
    ("1/2 cup", "one half cup"),
    ("3/4", "three quarters"),
    ("½", "one half"),
    ("1½ hours", "one and a half hours"),
    ("2 1/3", "two and a third"),
    ("open 24/7", "open twenty four seven"),
    # Telephones.
    ("Call 555-1234.", "Call five five five, one two three four."),
    ("+1 415 555 2671", "plus one, four one five, five five five, two six seven one"),
    # Abbreviations and acronyms.
    ("Dr. Smith and Mrs. Jones", "doctor Smith and missus Jones"),
    ("e.g. this, i.e. that, etc.", "for example this, that is that, et cetera."),
    ("cats vs. dogs", "cats versus dogs"),
    ("No. 5", "number five"),
    ("St. Mary", "Saint Mary"),
    ("the FBI and NASA", "the F-B-I and NASA"),
    ("two GPUs", "two G-P-U's"),
    ("AI in the UK", "A-I in the U-K"),
    ("I AM VERY ANGRY", "I AM VERY ANGRY"),
    # Addresses.
    ("See https://www.example.com/docs.", "See example dot com slash docs."),
    ("https://x.io/a8f9e77c0d?q=1", "x dot io"),
    ("go to example.org now", "go to example dot org now"),
    ("john.doe@example.com!", "john dot doe at example dot com!"),
    ("edit main.py", "edit main dot py"),
    # Symbols.
    ("R&D", "R and D"),
    ("E = mc²", "E equals mc squared"),
    ("C# and .NET", "C sharp and dot net"),
    ("an RTX 4090", "an R-T-X forty ninety"),
    ("100s of users", "hundreds of users"),
    ("on Fri., at noon", "on Friday, at noon"),
    ("2 + 2 = 4", "two plus two equals four"),
    ("5 x 3", "five times three"),
    ("yes/no", "yes no"),
    ("#1 in #music", "number one in hashtag music"),
    ("~20 people", "about twenty people"),
    ("A → B", "A to B"),
    ("wait… what?!", "wait... what?"),
    ("one — two", "one, two"),
]


@pytest.mark.parametrize(("text", "spoken"), CASES, ids=[text for text, _ in CASES])
def test_english_is_spoken_as_a_person_would_read_it(text: str, spoken: str) -> None:
    assert normalise(text, "en").spoken == spoken
