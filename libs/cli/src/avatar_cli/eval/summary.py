"""What all cases say together: figures, and what they are held against."""

from __future__ import annotations

import math
from collections.abc import Sequence

from avatar_cli.bench.figures import Figure, Limit, percentile, spread, value
from avatar_cli.eval.case import Case
from avatar_cli.eval.overlaps import Overlap
from avatar_cli.eval.turn_ends import TurnEnd

DETECTED_MS = 3_000.0
"""An interruption that has not been seen as one by then was missed."""
_COMMAND = "avatar eval --only"


def figures(cases: Sequence[Case]) -> list[Figure]:
    """Everything that has a limit, and what explains it."""
    held = [case for case in cases if not case.failed]
    failed = Figure(
        name="cases_failed", statistics=value(len(cases) - len(held)), command="avatar eval",
        limits=(Limit("value", 0.0),), note=f"of {len(cases)}",
    )  # fmt: skip
    made = [*_natural(held), *_turns(held), *_overlaps(held), *_echo(held), failed]
    return [figure for figure in made if not math.isnan(next(iter(figure.statistics.values())))]


# --- the ends of turns -----------------------------------------------------------------------------------------


def _natural(cases: Sequence[Case]) -> list[Figure]:
    natural = [case for case in cases if case.condition.group == "natural"]
    ahead = _ends([case for case in natural if case.condition.speculate])
    plain = _ends([case for case in natural if not case.condition.speculate])
    waited = [end.voice_to_voice_ms for end in ahead if end.voice_to_voice_ms is not None]
    without = [end.voice_to_voice_ms for end in plain if end.voice_to_voice_ms is not None]
    command = f"{_COMMAND} natural"
    return [
        _spread("voice_to_voice_ms", waited, command, Limit("p50", 450.0), Limit("p95", 1150.0),
                note="last voiced sample to the first audible one of the answer, natural speech"),
        _spread("voice_to_voice_unspeculated_ms", without, command,
                note="the same lines, said in turn with the others"),
        _value("speculation_saved_ms", percentile(without, 0.5) - percentile(waited, 0.5), command,
               note="difference of the medians"),
        _share("speculation_hits_percent", [end.speculated for end in ahead], command,
               note="answers that had been begun before their turn was over"),
        _spread("turn_end_delay_ms", delays(ahead), command, note="last voiced sample to the turn.text that stood"),
        _value("word_error_rate", wer(ahead), command, note="natural speech"),
        _share("natural_lines_split_percent", [end.split for end in ahead], command),
        _share("natural_ends_missed_percent", [end.missed for end in ahead], command),
    ]  # fmt: skip


def _turns(cases: Sequence[Case]) -> list[Figure]:
    quiet = [case for case in cases if case.condition.group == "turns" and case.condition.snr_db is None]
    balanced = [case for case in quiet if case.condition.patience == "balanced" and case.condition.kind != "whole"]
    hard = _ends([case for case in balanced if case.condition.kind == "function" and case.condition.pause_s == 0.6])
    all_ends = _ends(balanced)
    yields = [end.yield_ms for end in all_ends if end.yield_ms is not None]
    command = f"{_COMMAND} turns"
    made = [
        _share("talk_over_function_600ms_percent", [end.talked_over for end in hard], command,
               Limit("value", 5.0), note="balanced, pauses of 0.6 s after function words"),
        _share("talk_over_percent", [end.talked_over for end in all_ends], command, note="balanced, every pause"),
        _spread("yield_ms", yields, command, Limit("max", 150.0),
                note="balanced: from the person's going on to the clone's silence, where it had begun"),
        _share("first_part_lost_percent", [_lost(end) for end in all_ends], command, Limit("value", 0.0),
               note="balanced: more than half of the words before the pause are missing"),
        _share("wrongly_split_percent", [end.split for end in all_ends], command, Limit("value", 0.0),
               note="balanced: more than one turn stands in the end"),
        _share("ends_missed_percent", [end.missed for end in all_ends], command),
        _share("words_lost_percent", _words(all_ends, "lost"), command, note="of all words said around a pause"),
        _share("words_doubled_percent", _words(all_ends, "doubled"), command, note="the same"),
    ]  # fmt: skip
    for patience in ("eager", "balanced", "patient"):
        mine = [case for case in quiet if case.condition.patience == patience]
        for pause_s in (0.3, 0.6, 0.9):
            talked = [end.talked_over for end in _ends([case for case in mine if case.condition.pause_s == pause_s])]
            strict = (Limit("value", 2.0),) if patience == "patient" and pause_s == 0.6 else ()
            made.append(
                _share(f"{patience}_talk_over_{pause_s * 1000:.0f}ms_percent", talked, f"{_COMMAND} patience", *strict)
            )
        ends = _ends(mine)
        waited = [end.voice_to_voice_ms for end in ends if end.voice_to_voice_ms is not None]
        made.append(_spread(f"{patience}_turn_end_delay_ms", delays(ends), f"{_COMMAND} patience"))
        strict = (Limit("p50", 950.0),) if patience == "patient" else ()
        made.append(_spread(f"{patience}_voice_to_voice_ms", waited, f"{_COMMAND} patience", *strict))
    return made


def _lost(end: TurnEnd) -> bool:
    return end.words.first_lost * 2 > end.words.first_said


def _words(ends: Sequence[TurnEnd], what: str) -> list[bool]:
    counted = [(getattr(end.words, what), end.words.said) for end in ends]
    wrong = sum(count for count, _ in counted)
    return [True] * wrong + [False] * (sum(said for _, said in counted) - wrong)


def wer(ends: Sequence[TurnEnd]) -> float:
    """Word error rate over all of `ends`; NaN when nothing was said."""
    said = sum(end.words.said for end in ends)
    return sum(end.words.errors for end in ends) / said if said else math.nan


# --- what meets an answer --------------------------------------------------------------------------------------


def _overlaps(cases: Sequence[Case]) -> list[Figure]:
    command = f"{_COMMAND} overlaps"
    mine = [case for case in cases if case.condition.group == "overlaps" and case.condition.plain]
    meant = _met(mine, "interruption")
    nods, rest = _met(mine, "backchannel"), [*_met(mine, "noise"), *_met(mine, "aside")]
    hums = [case.overlap for case in mine if case.overlap is not None and _is_mhm(case)]
    taken = [each.resumed for each in [*nods, *rest] if each.resumed is not None]
    return [
        _spread("duck_ms", known(meant, "duck_ms"), command, Limit("max", 120.0),
                note="onset of an interruption to the answer 12 dB down"),
        _spread("interruption_silent_ms", known(meant, "silent_ms"), command, Limit("p50", 600.0),
                note="onset of an interruption to silence"),
        _spread("yield_after_decision_ms", known(meant, "yield_ms"), command, Limit("max", 150.0),
                note="decision to silence; 0 where the answer was being held by then"),
        _share("barge_ins_missed_percent", [_missed(each) for each in meant], command),
        _spread("dead_sound_ms", [each.dead_ms for each in meant], command, Limit("max", 0.0),
                note="sound of an answer after it was silenced for good"),
        _value("interruption_word_error_rate", _wer_of(meant), command, note="of the turns that interruptions became"),
        _share("backchannels_stopping_percent", [each.stopped or each.turn for each in nods], command,
               Limit("value", 3.0), note="both languages"),
        _share("mhm_stopping_percent", [each.stopped or each.turn for each in hums], command, Limit("value", 0.0)),
        _share("backchannels_pausing_percent", [each.paused for each in nods], command),
        _share("false_barge_ins_percent", [each.stopped or each.turn for each in [*nods, *rest]], command,
               note="backchannels, noises and side talk together"),
        _share("resumed_rightly_percent", taken, command, Limit("value", 97.0, at_least=True),
               note="of the answers that were ducked or held: on at full level, at a word, none lost"),
        _spread("said_again_ms", [each.repeated_ms for each in [*nods, *rest] if each.paused], command),
    ]  # fmt: skip


def _echo(cases: Sequence[Case]) -> list[Figure]:
    command = f"{_COMMAND} echo"
    alone = [case.alone for case in cases if case.alone is not None]
    if not alone:
        return []
    met = [case.overlap for case in cases if case.condition.room and case.overlap is not None]
    seconds = sum(each.seconds for each in alone)
    return [
        _value("echo_turns", sum(each.turns for each in alone), command, Limit("value", 0.0),
               note=f"in {seconds:.0f} s of the clone's own voice"),
        _value("echo_stops", sum(each.stops for each in alone), command, Limit("value", 0.0)),
        _value("echo_holds", sum(each.holds for each in alone), command),
        _share("echo_barge_ins_detected_percent", [not _missed(each) for each in met], command,
               Limit("value", 90.0, at_least=True)),
    ]  # fmt: skip


def _is_mhm(case: Case) -> bool:
    return case.condition.kind == "backchannel" and (case.name.startswith(("um-hum", "hummed", "угу")))


def _missed(overlap: Overlap) -> bool:
    return overlap.cancel_ms is None or overlap.cancel_ms > DETECTED_MS


def _met(cases: Sequence[Case], kind: str) -> list[Overlap]:
    return [case.overlap for case in cases if case.overlap is not None and case.condition.kind == kind]


def _wer_of(met: Sequence[Overlap]) -> float:
    turned = [each.words for each in met if each.turn]
    said = sum(words.said for words in turned)
    return sum(words.errors for words in turned) / said if said else math.nan


# --- how it is written -----------------------------------------------------------------------------------------


def _ends(cases: Sequence[Case]) -> list[TurnEnd]:
    return [case.turn for case in cases if case.turn is not None]


def delays(ends: Sequence[TurnEnd]) -> list[float]:
    """Of the ends that were not missed, in milliseconds."""
    return [end.delay_ms for end in ends if end.delay_ms is not None]


def known(met: Sequence[Overlap], what: str) -> list[float]:
    """One number of each of `met`, where it has one."""
    return [number for each in met if (number := getattr(each, what)) is not None]


def _spread(name: str, values: Sequence[float], command: str, *limits: Limit, note: str = "") -> Figure:
    return Figure(name=name, statistics=spread(values), command=command, limits=limits, note=note)


def _value(name: str, number: float, command: str, *limits: Limit, note: str = "") -> Figure:
    return Figure(name=name, statistics=value(number), command=command, limits=limits, note=note)


def _share(name: str, flags: Sequence[bool], command: str, *limits: Limit, note: str = "") -> Figure:
    percent = 100.0 * sum(flags) / len(flags) if flags else math.nan
    statistics = {**value(percent), "n": len(flags)}
    return Figure(name=name, statistics=statistics, command=command, limits=limits, note=note)
