"""Who is spoken to, what is a question, and when a talk goes in circles."""

import pytest

from avatar_llm import prompt
from avatar_llm.history import Entry, Spoken
from avatar_llm.manners import CIRCLE, Manners, circles
from avatar_llm.reply import Turn

MANNERS = Manners(prompt.load())


def manners_of(name, **translations):
    others = {language: prompt.Translation(name=said) for language, said in translations.items()}
    return Manners(prompt.Persona(name=name, system_prompt="x", translations=others))


def exchange(said, heard):
    return Entry(1, said, "en", Spoken([heard], whole=True), 1)


@pytest.mark.parametrize(
    "text",
    [
        "Alex, what do you think?",
        "I wonder what ALEX thinks.",
        "That was Alex's idea.",
        "Alix, are you there?",
        "Allex can you hear me",
        "Ale, tell us.",
        "Алекс, що скажеш?",
        "Алексе, ти тут?",
        "Спитаймо Алекса.",
        "Дай слово Алексові",
        "Я згоден з Алексом.",
        "Алєкс, ти нас чуєш",
    ],
)
def test_the_clone_knows_its_name(text):
    assert MANNERS.names(text)


@pytest.mark.parametrize(
    "text",
    ["What do you think?", "Let us talk to Alan.", "Alexandra is late.", "Я згоден.", "Що скажеш, Олено?", "", "relax"],
)
def test_the_clone_does_not_answer_to_other_names(text):
    assert not MANNERS.names(text)


@pytest.mark.parametrize(
    ("name", "forms"),
    [
        ("Олена", "Олени Олені Олену Оленою Олено"),
        ("Андрій", "Андрія Андрію Андрієві Андрієм Андрії"),
        ("Марія", "Марії Марію Марією Маріє"),
        ("Петро", "Петра Петрові Петру Петром Петре"),
        ("Ольга", "Ольги Ользі Ольгу Ольгою Ольго"),
        ("Олег", "Олега Олегові Олегом Олеже"),
        ("Яків", "Якова Яковові Яковом Якове"),
        ("Оля", "Олі Олю Олею"),
        ("Ігор", "Ігоря Ігореві Ігорем Ігоре"),
        ("Артем", "Артема Артемові Артему Артемом Артеме"),
        ("Адам", "Адама Адамові Адамом Адаме"),
        ("Наталя", "Наталі Наталю Наталею"),
    ],
)
def test_ukrainian_names_are_known_in_every_case(name, forms):
    named = manners_of("Somebody", uk=name)
    for form in forms.split():
        assert named.names(f"Послухай, {form}, це важливо."), form


def test_a_name_of_three_letters_is_not_guessed_at():
    named = manners_of("Max")
    assert named.names("Max, come here.")
    assert not named.names("May I come here?")


def test_any_word_of_a_longer_name_will_do():
    named = manners_of("Anna de Vries")
    assert named.names("Anna, hello.")
    assert named.names("Mrs Vries, hello.")
    assert not named.names("Cafe de Paris.")


@pytest.mark.parametrize(
    "text",
    [
        "Is it?",
        "you mean tomorrow?",
        "What do you mean by that.",
        "Okay. And why is that",
        "so how would you do it",
        "Can you repeat that",
        "Do they know.",
        "Well, Alex, where was it",
        "А чому так",
        "Ну то що далі.",
        "Скільки це коштує",
        "Чи ти певен.",
        "Хіба не так",
    ],
)
def test_questions_are_known(text):
    assert MANNERS.asks(text)


@pytest.mark.parametrize(
    "text",
    [
        "I see.",
        "That is what I thought.",
        "Can openers are useful.",
        "Have fun.",
        "Я знаю, що це так.",
        "Добре, дякую.",
        "and so on",
        "",
        "...",
    ],
)
def test_statements_are_no_questions(text):
    assert not MANNERS.asks(text)


def declines(text, since_own_s=None, respond="addressed", **more):
    return MANNERS.declines(Turn(1, text, "en", **more), respond, [], since_own_s)


def test_in_a_meeting_only_what_is_for_the_clone_is_answered():
    assert declines("Alex, please sum up.") is None
    assert declines("Let us sum up.") == "not_addressed"
    assert declines("Why is that?") == "not_addressed"
    assert declines("Why is that?", since_own_s=3.0) is None
    assert declines("I see.", since_own_s=3.0) == "not_addressed"
    assert declines("Why is that?", since_own_s=9.0) == "not_addressed"


def test_a_long_question_counts_from_where_it_began():
    assert declines("Why is that?", since_own_s=12.0, duration_s=6.0) is None


def test_told_never_to_answer_it_answers_only_what_is_typed():
    assert declines("Alex?", respond="never") == "silent"
    assert declines("Hello", respond="never", typed=True) is None
    assert declines("Hello", respond="never", verbatim=True) is None
    assert declines("Hello", typed=True) is None


@pytest.mark.parametrize("period", [1, 2, 5])
def test_a_talk_that_repeats_itself_on_both_sides_goes_in_circles(period):
    entries = [
        exchange(f"{said} again, please.", f"{said} it is.")
        for said in ["One", "Apples", "Houses", "Rivers", "Winter"][:period] * 20
    ]
    assert not circles(entries[: period + CIRCLE - 1], entries[0].said)
    assert circles(entries[: period + CIRCLE], entries[0].said)
    assert not circles(entries[: period + CIRCLE], entries[0].said, period + CIRCLE)
    turn = Turn(99, entries[0].said, "en")
    circling = entries[: period + CIRCLE]
    assert MANNERS.declines(turn, "always", circling, None) == "loop"
    assert Manners(prompt.load(), circle=0).declines(turn, "always", circling, None) is None


def test_ears_may_spell_the_repetition_differently():
    entries = [exchange("I am sorry, I did not understand that.", "Could you say it in other words?")] * 8
    assert circles(entries, "I'm sorry I didn't understand it")


def test_other_words_end_the_circle():
    entries = [exchange("Yes.", "Indeed.")] * 20
    assert circles(entries, "Yes!")
    assert not circles(entries, "What is the weather like?")
    entries += [exchange("What is the weather like?", "It rains here.")]
    assert not circles(entries, "Yes.")


def test_a_person_who_only_agrees_is_not_a_loop():
    entries = [exchange("Yes.", f"Fact number {word} is {word} indeed.") for word in "abcdefghijklmnop"]
    assert not circles([*entries, *[exchange("Yes.", f"{n} {n * 7} {n * 3}") for n in range(9)]], "Yes.")


def test_turns_nobody_answered_are_no_circle():
    assert not circles([Entry(1, "Yes.", "en")] * 20, "Yes.")


def test_a_person_who_keeps_interrupting_the_same_story_is_no_circle():
    story = Spoken(["Once there was a small town."], chars=14)
    assert not circles([Entry(1, "Tell me something else.", "en", story, 1)] * 20, "Tell me something else.")
