"""Words behind the English rules."""

from __future__ import annotations

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip

WEEKDAYS = {
    "Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday", "Thur": "Thursday",
    "Thurs": "Thursday", "Fri": "Friday", "Sat": "Saturday", "Sun": "Sunday",
}  # fmt: skip

ABBREVIATIONS = {
    "Dr.": "doctor", "Mr.": "mister", "Mrs.": "missus", "Ms.": "miz", "Prof.": "professor", "Jr.": "junior",
    "Sr.": "senior", "Rev.": "reverend", "Gen.": "general", "Capt.": "captain", "Lt.": "lieutenant",
    "Sgt.": "sergeant", "Gov.": "governor", "Sen.": "senator", "Rep.": "representative", "Ave.": "avenue",
    "Blvd.": "boulevard", "Rd.": "road", "Mt.": "mount", "Ft.": "fort", "vs.": "versus", "vs": "versus",
    "v.": "versus", "etc.": "et cetera", "etc": "et cetera", "e.g.": "for example", "eg.": "for example",
    "i.e.": "that is", "ie.": "that is", "approx.": "approximately", "dept.": "department", "Dept.": "department",
    "est.": "established", "Inc.": "incorporated", "Ltd.": "limited", "Co.": "company", "Corp.": "corporation",
    "Fig.": "figure", "fig.": "figure", "vol.": "volume", "Vol.": "volume", "ch.": "chapter", "misc.": "miscellaneous",
    "max.": "maximum", "avg.": "average", "tel.": "telephone", "Tel.": "telephone",
    "w/o": "without", "w/": "with", "b/c": "because", "a.k.a.": "also known as", "aka": "also known as",
    "P.S.": "P-S", "U.S.A.": "U-S-A", "U.S.": "U-S", "U.K.": "U-K", "E.U.": "E-U", "Ph.D.": "P-H-D", "PhD": "P-H-D",
    "B.C.": "B-C", "A.D.": "A-D", "OK": "okay", "Ok": "okay", "ok": "okay", "FYI": "for your information",
    "ASAP": "as soon as possible", "BTW": "by the way", "IMO": "in my opinion", "DIY": "D-I-Y",
}  # fmt: skip

# symbol or code: one, many, hundredth, hundredths
CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "₴": ("hryvnia", "hryvnias", "kopiyka", "kopiykas"),
    "¥": ("yen", "yen", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₿": ("bitcoin", "bitcoins", "", ""),
    "zł": ("zloty", "zlotys", "grosz", "groszy"),
    "¢": ("cent", "cents", "", ""),
}
CURRENCY_CODES = {"USD": "$", "EUR": "€", "GBP": "£", "UAH": "₴", "JPY": "¥", "PLN": "zł", "INR": "₹", "BTC": "₿"}

UNITS = {
    "km/h": ("kilometer per hour", "kilometers per hour"), "kph": ("kilometer per hour", "kilometers per hour"),
    "mph": ("mile per hour", "miles per hour"), "m/s": ("meter per second", "meters per second"),
    "km²": ("square kilometer", "square kilometers"), "m²": ("square meter", "square meters"),
    "m³": ("cubic meter", "cubic meters"), "cm³": ("cubic centimeter", "cubic centimeters"),
    "km": ("kilometer", "kilometers"), "m": ("meter", "meters"), "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"), "μm": ("micrometer", "micrometers"), "nm": ("nanometer", "nanometers"),
    "mi": ("mile", "miles"), "ft": ("foot", "feet"), "yd": ("yard", "yards"), "in.": ("inch", "inches"),
    "kg": ("kilogram", "kilograms"), "g": ("gram", "grams"), "mg": ("milligram", "milligrams"),
    "μg": ("microgram", "micrograms"), "t": ("ton", "tons"), "lb": ("pound", "pounds"), "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"), "L": ("liter", "liters"), "l": ("liter", "liters"), "ml": ("milliliter", "milliliters"),
    "mL": ("milliliter", "milliliters"), "cl": ("centiliter", "centiliters"), "gal": ("gallon", "gallons"),
    "°C": ("degree Celsius", "degrees Celsius"), "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "° C": ("degree Celsius", "degrees Celsius"), "°": ("degree", "degrees"),
    "B": ("byte", "bytes"), "kB": ("kilobyte", "kilobytes"), "KB": ("kilobyte", "kilobytes"),
    "MB": ("megabyte", "megabytes"), "GB": ("gigabyte", "gigabytes"), "TB": ("terabyte", "terabytes"),
    "PB": ("petabyte", "petabytes"), "MiB": ("mebibyte", "mebibytes"), "GiB": ("gibibyte", "gibibytes"),
    "kbit/s": ("kilobit per second", "kilobits per second"), "kbps": ("kilobit per second", "kilobits per second"),
    "Mbit/s": ("megabit per second", "megabits per second"), "Mbps": ("megabit per second", "megabits per second"),
    "Gbit/s": ("gigabit per second", "gigabits per second"), "Gbps": ("gigabit per second", "gigabits per second"),
    "MB/s": ("megabyte per second", "megabytes per second"), "GB/s": ("gigabyte per second", "gigabytes per second"),
    "ns": ("nanosecond", "nanoseconds"), "μs": ("microsecond", "microseconds"), "ms": ("millisecond", "milliseconds"),
    "sec": ("second", "seconds"), "s": ("second", "seconds"), "min": ("minute", "minutes"),
    "mins": ("minute", "minutes"), "h": ("hour", "hours"),
    "hr": ("hour", "hours"), "hrs": ("hour", "hours"), "yr": ("year", "years"), "yrs": ("year", "years"),
    "Hz": ("hertz", "hertz"), "kHz": ("kilohertz", "kilohertz"), "MHz": ("megahertz", "megahertz"),
    "GHz": ("gigahertz", "gigahertz"), "W": ("watt", "watts"), "kW": ("kilowatt", "kilowatts"),
    "MW": ("megawatt", "megawatts"), "kWh": ("kilowatt hour", "kilowatt hours"), "V": ("volt", "volts"),
    "A": ("amp", "amps"), "mA": ("milliamp", "milliamps"), "mAh": ("milliamp hour", "milliamp hours"),
    "J": ("joule", "joules"), "kJ": ("kilojoule", "kilojoules"), "kcal": ("kilocalorie", "kilocalories"),
    "Pa": ("pascal", "pascals"), "hPa": ("hectopascal", "hectopascals"), "dB": ("decibel", "decibels"),
    "px": ("pixel", "pixels"), "fps": ("frame per second", "frames per second"),
    "rpm": ("revolution per minute", "revolutions per minute"), "ha": ("hectare", "hectares"),
}  # fmt: skip

DENOMINATORS = {
    2: ("half", "halves"), 3: ("third", "thirds"), 4: ("quarter", "quarters"), 5: ("fifth", "fifths"),
    6: ("sixth", "sixths"), 7: ("seventh", "sevenths"), 8: ("eighth", "eighths"), 9: ("ninth", "ninths"),
    10: ("tenth", "tenths"), 12: ("twelfth", "twelfths"), 16: ("sixteenth", "sixteenths"),
    20: ("twentieth", "twentieths"), 100: ("hundredth", "hundredths"),
}  # fmt: skip

VULGAR = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5),
    "⅘": (4, 5), "⅙": (1, 6), "⅚": (5, 6), "⅐": (1, 7), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8),
    "⅑": (1, 9), "⅒": (1, 10),
}  # fmt: skip

SHOUTABLE = frozenset((
    "AIDS", "AM", "AN", "AND", "ARE", "AS", "AT", "BE", "BUT", "BY", "CAN", "DO", "FOR", "GIF", "GO", "GOD", "GUI",
    "HE", "HER", "HI", "HIM", "HIS", "HOW", "IF", "IN", "IS", "ITS", "LET", "LOL", "ME", "MY", "NASA", "NEW", "NO",
    "NOT", "NOW", "OF", "OH", "ON", "ONE", "OR", "OUR", "OUT", "PIN", "RAM", "ROM", "SEE", "SHE", "SIM", "SO",
    "THE", "TO", "TWO", "UP", "WE", "WHO", "WHY", "WOW", "YES", "YOU", "ZIP",
))  # fmt: skip
"""Short words in capitals that are words, and acronyms said as words."""

SPELLED = frozenset((
    "AI", "AMD", "API", "ASR", "AWS", "CPU", "EU", "GPU", "HDMI", "IDE", "IEEE", "IOS", "IT", "LLM", "PDF", "TTS",
    "UAE", "UEFI", "UI", "UK", "UN", "UPS", "URL", "US", "USA", "USB", "USSR", "UX",
))  # fmt: skip
"""Acronyms said letter by letter although they could be read as words."""
