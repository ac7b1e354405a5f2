"""Words that decide whether the punctuation before or after them is a pause, English and Ukrainian, lower case."""


def _set(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


OPENING = _set(
    "mr mrs ms dr prof rev hon gen col capt sgt lt maj gov sen rep pres st mt fr messrs mme fig figs eq ch vol ed eds",
    "pp vs e.g i.e cf approx dept est tel ext nos art op viz esp incl apt sq",
    "вул буд просп пров бульв бул пл обл р-н смт акад проф доц гр ім напр див рис табл гл розд стор зв т.зв",
    "св о ред пор тел кв корп кім ауд наук заст нар ген полк кап серж лейт пп чл укр англ лат нім",
)
"""Abbreviations, without their full stop, that never end a sentence: a name, a number or a noun follows."""

EITHER = _set(
    "a.m p.m am pm etc al jr sr ph.d m.d b.a m.a b.sc m.sc d.c no min max hr hrs sec secs ft in lb lbs oz kg km cm mm",
    "mi jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun",
    "р рр ст тис млн млрд трлн грн коп год хв сек км кг см мм мл га шт ін інш д п т.д т.п та.ін тощо н.е ек міл",
    "проц руб дол ц.р с.г",
)
"""Abbreviations that end a sentence when a capital follows."""

NAMES = _set("u.s u.k u.n e.u u.s.a inc ltd co corp bros univ тов ват пат")
"""Abbreviations inside names, which go on with capitals: they end a sentence only before one of `STARTERS`."""

UNITS = _set("м т г с л в ч")
"""Units after a number ("10 м. Далі"), otherwise openings ("м. Київ")."""

STARTERS = _set(
    "the a an he she it we they i you this that these those there here in on at but and so or my our his her their",
    "its your if when what who how why where let yes no not is are do does did was were for after before then now",
    "however also still maybe okay well",
    "він вона воно ми ви вони я ти це цей ця ці той та те там тут у в на але і й а якщо коли що хто як де чому тому",
    "потім тепер отже також мій моя моє наш наша його її їх не ні так бо зараз сьогодні",
)
"""Words that usually open a sentence."""

BOUND = _set("що щоб хто кого кому чий чия чиє чиї де який яка яке які якого якої якому якій яким якою яких якими")
"""Words that Ukrainian spelling puts a comma before and speech does not: no place to breathe."""
