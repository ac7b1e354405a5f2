"""The streaming chunker: where it cuts, and that nothing else matters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_llm.chunker import CLAUSE_WORDS, PIECE_LIMIT, SentenceChunker

# "|" marks every cut: after the first clause of three words or more, then after sentences.
ENGLISH = [
    "Hello there.|How are you today?",
    "Well, I was thinking,|and then it rained, so we stayed in.|Nice.",
    "Yes.|No.|Maybe.",
    "Sure, I can do that;|give me a moment.|Ready.",
    "Here is the thing:|it works.|Mostly.",
    "I came home — |tired, hungry, happy — and slept.",
    "I waited for mother-in-law's call,|then left.",
    "Dr. Miller sees patients until 6 p.m. on Mondays.|Then she goes home.",
    "Mr. and Mrs. Novak met Prof. Adams.|They talked.",
    "The shop closes at 9 p.m.|We should hurry.",
    "It costs $4.75 a kilo.|That is fair.",
    "Take version 2.0.3 of it.|It is newer.",
    "Bring fruit, e.g. pears,|i.e. something soft.|Thanks.",
    "Bring some fruit for me,|e.g. pears.|Thanks.",
    "The U.S. economy is large.|So is ours.",
    "He moved to the U.S. in May.|She stayed.",
    "He moved to the U.S.|She stayed.",
    "She works for Acme Inc. in Leeds.|He does not.",
    "George R. R. Martin is still writing.|I am waiting.",
    "So do I.|And so does he.",
    "Hmm... let me think about it.|Okay.",
    "I see…|That changes things.",
    '"Did you hear that?" she asked.|"No!" he said.',
    'He said "wait."|Then he left.',
    "Wait!|What?!|Really?",
    "1. Open the window.|2. Breathe.",
    "a) Stand up straight.|Then sit down.",
    "It is No. 7 on the list.|Well done.",
    "Is it true?|No.|It is not.",
    "See fig. 4 and eq. 2 for details.|They help.",
    "Go to https://example.com/a?b=c.d!e for more.|Bye.",
    "Look at example.com.|It is short.",
    "The temperature is -3.5 degrees.|Cold!",
    "St. Petersburg vs. St. Louis is close.|I watched it.",
    "Pears, plums, etc. are in season.|Buy some.",
    "Buy pears and plums,|etc.|Then come home.",
    "He was born on Jan. 5, 1980.|He is older.",
    "On May 5, 2024, we met.|It was warm.",
    "We counted 1, 2, 3 and stopped.|Enough.",
    "That was fun 😀 Again!",
    "Great!|😀 Next one.",
    "Thank you very much,|Anna!|You are kind.",
    "J. Smith came.|K. did not.",
    "Apt. 5 (approx. 30 sq. m) is free.|Call them.",
    "no punctuation at all",
]
UKRAINIAN = [
    "Привіт.|Як справи?",
    "Ну, я думав про це,|але потім пішов дощ.|Шкода.",
    "Так.|Ні.|Можливо.",
    "Київ — столиця.|Львів — ні.",
    "Я знаю лише те, що є на цій машині,|і все.|Добре.",
    "Це той самий дім, де ми жили.|Пам'ятаєш?",
    "Скажу вам ось що,|якщо хочете.|Слухайте.",
    "Моя справа проста —|слухати вас.",
    "Це коштує 3,5 тис. грн на місяць.|Недорого.",
    "Зустріч о 10.30 ранку.|Не запізнюйтеся.",
    "Вона живе на вул. Франка,|буд. 7.|Я поруч.",
    "У 2023 р. ми почали.|Тепер працюємо.",
    "Леся народилася 1871 р.|Це відомо.",
    "І. Я. Франко писав багато.|Я читаю.",
    "Хм... мабуть, так.|Побачимо.",
    "Ну що ж… почнемо!",
    "Так…|Побачимо.",
    "Візьміть, напр., яблука тощо.|Вибирайте.",
    "Акад. Петренко та ін. написали статтю.|Читайте.",
    "Відстань 7 км.|Ходімо.",
    "До школи 10 м.|Далі парк.",
    "Це м. Київ,|просп. Миру, 12.|Запишіть.",
    "Це т. зв. ефект метелика.|Цікаво.",
    "Вийшла версія 2.0 програми.|Спробуйте.",
    "Див. рис. 3 на стор. 15.|Там усе є.",
    "Він сказав: «Вітаю!»|І пішов.",
    "«Ти йдеш?» — спитала вона.|Він мовчав.",
    "У нас 1,5 млн. користувачів.|Вони задоволені.",
    "Груші, сливи і т. д. уже стиглі.|Купуйте.",
    "Що?..|Не може бути!",
    "Що?.. невже справді.",
    "Ім'я їй О. П. Савчук.|Запам'ятайте.",
    "Сайт example.com.ua працює.|Заходьте.",
    "1. Відчиніть вікно.|2. Дихайте.",
    "Це було у XIX ст. в Одесі.|Давно.",
    "Це було у XIX ст.|Давно.",
    "Приїхали з Anna B. Smith.|Хто це?",
]


def cut(text, sizes=(1,)):
    chunker = SentenceChunker()
    pieces, start, turn = [], 0, 0
    while start < len(text):
        size = sizes[turn % len(sizes)]
        pieces += chunker.push(text[start : start + size])
        start, turn = start + size, turn + 1
    return pieces + chunker.flush()


@pytest.mark.parametrize("case", [*ENGLISH, *UKRAINIAN])
def test_a_tricky_text_is_cut_where_a_speaker_would_pause(case):
    expected = [" ".join(piece.split()) for piece in case.split("|")]
    text = case.replace("|", " ")
    assert cut(text) == expected


def test_there_are_enough_tricky_cases_in_both_languages():
    assert len(ENGLISH) >= 42
    assert len(UKRAINIAN) >= 30


def test_the_first_clause_leaves_as_soon_as_the_word_after_it_begins():
    chunker = SentenceChunker()
    assert chunker.push("I would say so,") == []
    assert chunker.push(" ") == ["I would say so,"]


def test_a_plain_sentence_leaves_without_waiting_for_the_next_word():
    chunker = SentenceChunker()
    assert chunker.push("That is right. ") == ["That is right."]


def test_commas_cut_only_until_the_first_clause_is_out():
    pieces = cut("When it rains, I read, and when it does not, I walk, or sleep.")
    assert pieces == ["When it rains,", "I read, and when it does not, I walk, or sleep."]


def test_a_short_first_sentence_does_not_use_up_the_early_clause():
    assert cut("Oh! If you ask me, it is late, so go.") == ["Oh!", "If you ask me,", "it is late, so go."]


def test_a_new_line_ends_a_piece_even_without_punctuation():
    assert cut("Two things\nfirst a pear\n- then a plum\n") == ["Two things", "first a pear", "- then a plum"]


def test_runaway_text_is_cut_between_words():
    pieces = cut("word " * 500)
    assert all(len(piece) <= PIECE_LIMIT for piece in pieces)
    assert " ".join(pieces).split() == ["word"] * 500


def test_a_long_sentence_breathes_at_a_comma():
    clause = "and on it went through field and forest until the evening came, "
    pieces = cut("It began early in the day, " + clause * 12)
    assert all(piece.endswith(",") for piece in pieces)


def test_a_word_longer_than_any_piece_is_cut_anyway():
    pieces = cut("x" * 1000)
    assert "".join(pieces) == "x" * 1000
    assert max(map(len, pieces)) <= PIECE_LIMIT


def test_a_flushed_chunker_starts_afresh():
    chunker = SentenceChunker()
    chunker.push("The first one is out. Then")
    assert chunker.flush() == ["Then"]
    assert chunker.push("Now a clause again, ") == ["Now a clause again,"]


SHARDS = (
    'Dr. e.g. p.m. U.S. No. 3.5 2. a) I. J. etc. Inc. the The well, so; — – ... … ! ?! «так» "yes." (no.) вул. р. т. '
    "д. Київ, тис. Шевченка. 10 м. https://a.b/c?d 😀 hello. Привіт! x"
)
WORDS = st.sampled_from([*SHARDS.split(), "\n", "\u00a0", "\t"])
TEXTS = st.one_of(st.lists(WORDS, max_size=40).map(" ".join), st.text(max_size=300))


@given(TEXTS)
def test_the_pieces_together_are_the_input_without_its_spaces(text):
    assert "".join("".join(cut(text)).split()) == "".join(text.split())


@given(TEXTS, st.lists(st.integers(1, 17), min_size=1, max_size=8))
def test_the_pieces_do_not_depend_on_how_the_stream_is_split(text, sizes):
    assert cut(text, sizes) == cut(text, (len(text) + 1,))


@given(TEXTS)
def test_no_piece_is_empty_or_too_long(text):
    assert all(piece.strip() == piece and 0 < len(piece) <= PIECE_LIMIT for piece in cut(text))


def test_the_early_clause_has_at_least_three_words():
    assert CLAUSE_WORDS == 3
    assert cut("Well, yes, I do, as you see.")[0] == "Well, yes, I do,"
