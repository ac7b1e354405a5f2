"""Personas from files, and the messages made with them."""

import pytest

from avatar_llm import prompt
from avatar_llm.history import Entry, Spoken
from avatar_llm.marks import MARK
from avatar_llm.prompt import PersonaError

GOOD = 'name = "Iryna"\nsystem_prompt = "You are {name}, talking with {user}."\n'


def test_the_persona_that_ships_is_complete():
    persona = prompt.load()
    assert persona.name
    assert set(persona.languages) == {"en", "uk"}
    assert persona.about_in("uk")
    text = persona.system_text("Olena")
    assert persona.name in text
    assert "Olena" in text
    assert "{" not in text


def test_a_persona_file_of_ones_own_is_read(tmp_path):
    (tmp_path / "iryna.toml").write_text(GOOD)
    persona = prompt.find("iryna", tmp_path)
    assert persona.system_text("").startswith("You are Iryna, talking with somebody.\n")
    assert persona.name_in("uk") == "Iryna"
    assert persona.about_in("uk") == ""


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("name = ", "not valid TOML"),
        ('system_prompt = "x"', "name"),
        (GOOD + "nmae = 1", "nmae"),
        (GOOD.replace('"Iryna"', "7"), r"\$\.name"),
        ('name = "A"\nsystem_prompt = "I am {nmae}"', r"\{nmae\}.*\{name\}"),
        ('name = "A"\nsystem_prompt = "I am {"', "system_prompt"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_a_broken_persona_is_named_with_its_file_and_key(tmp_path, content, complaint):
    path = tmp_path / "broken.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(PersonaError, match=complaint) as error:
        prompt.load(path)
    assert str(path) in str(error.value)


def test_a_missing_persona_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(PersonaError, match=r"nobody\.toml does not exist; create it"):
        prompt.find("nobody", tmp_path)


@pytest.mark.parametrize("name", ["../secret", "a/b", "", ".", "x" * 100])
def test_a_persona_name_cannot_leave_its_folder(tmp_path, name):
    with pytest.raises(PersonaError, match="not allowed"):
        prompt.find(name, tmp_path)


def test_messages_take_strict_turns_and_keep_only_what_was_heard():
    history = [
        Entry(1, "Hello.", "en", Spoken(["Hi there."], whole=True)),
        Entry(2, "Who are you?", "en", Spoken(["I am Alex."])),  # nothing of it was played
        Entry(3, "Hello?", "en"),
    ]
    made = prompt.messages("Be kind.", history, "Хто ти?", "uk")
    assert [(message.role, message.content) for message in made] == [
        ("system", "Be kind."),
        ("user", "Hello."),
        ("assistant", "Hi there."),
        ("user", "Who are you?\nHello?\nХто ти?"),
    ]
    assert made[-1].language == "uk"


def test_answers_whose_question_was_taken_back_are_joined_too():
    history = [
        Entry(1, "Hello.", "en", Spoken(["Hi there."], whole=True)),
        Entry(2, "", "en", Spoken(["I am"], whole=True)),
    ]
    made = prompt.messages("Be kind.", history, "Who?", "en")
    assert [message.role for message in made] == ["system", "user", "assistant", "user"]
    assert made[2].content == "Hi there.\nI am"


def test_the_engine_sees_where_an_answer_was_cut_short_and_is_told_what_the_mark_means():
    cut = Entry(1, "Who are you?", "en", Spoken(["I am Alex,", "a digital clone."], sentence=1, chars=1))
    made = prompt.messages(prompt.load().system_text(""), [cut], "Wait.", "en")
    assert made[2].content == f"I am Alex, a {MARK}"
    assert MARK in made[0].content


def test_an_unknown_persona_gives_the_usual_one_and_says_what_is_wrong(tmp_path):
    persona, complaint = prompt.choose("nobody", tmp_path, "")
    assert persona.name == prompt.load().name
    assert "nobody.toml" in complaint
