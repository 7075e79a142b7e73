"""Words, names, amounts, dates and ids. About two thirds are made up, so that a model must read them."""
from .alphabet import DIGITS, ID_LETTERS, LOWER

FIRST = """Ana Ben Carla David Elena Frank Grace Hugo Irene Jonas Kira Leo Maria Nils Olga Paul Rosa Sven Tara Umar Vera
Will Yara Zoe Adam Bruno Chloe Diego Emma Felix Greta Hanna Ivan Julia Karl Laura Marco Nora Otto Petra Quinn Rita Sam
Tomas Ursula Victor Wendy Xavier Yusuf Lena""".split()
LAST = """Smith Jones Petrov Garcia Novak Muller Rossi Costa Silva Meyer Weber Fischer Berg Lind Holm Dahl Vega Ruiz Ortiz
Lopez Khan Patel Singh Chen Wang Lee Kim Park Sato Mori Tanaka Nguyen Brown Clark Davis Evans Ford Green Hall King
Moore Price Reed Scott Stone Turner Walker Young Adams Baker""".split()
CITY = """Oslo Paris Rome Berlin Madrid Lisbon Vienna Prague Warsaw Dublin London Leeds York Bath Milan Turin Naples Athens
Sofia Riga Vilnius Tallinn Helsinki Bergen Malmo Gothenburg Aarhus Utrecht Ghent Bruges Lyon Nice Nantes Basel Zurich
Geneva Bonn Kiel Essen Graz Linz Porto Seville Bilbao Austin Boston Denver Dallas Seattle Chicago Toronto Tokyo Osaka
Seoul Delhi Lima Quito Cairo""".split()
SHOP = """Market Cafe Bakery Foods Store Books Garden Bistro Deli Pharmacy Hotel Grill Pizza Kiosk Shop Mart Bar Diner Fresh
Corner Central Nordic Royal Sunny Green Golden Blue River Lake Star Moon North Union City Metro Super Mini Express Daily
Farm House Coffee Tea Wine Flora Sport Moda Casa Luna Sol""".split()
GOODS = """Milk Bread Butter Cheese Coffee Tea Sugar Flour Rice Pasta Apples Pears Bananas Grapes Lemons Tomato Onion Carrot
Salad Soup Juice Water Beer Wine Cola Honey Jam Salt Pepper Olive Oil Yogurt Cream Eggs Ham Bacon Salmon Tuna Chicken
Cookies Cake Candy Chips Nuts Soap Shampoo Paper Pens Batteries Candle Towel Socks Shirt Mug Lamp Cable Brush Sponge
Organic Fresh Dark Red Green Mini""".split()
ONSETS = "b c d f g h j k l m n p q r s t v w x z br st tr sh ch pl gr kl".split()
VOWELS = "a e i o u a e i o y ai ou".split()
ENDINGS = ["", "", "n", "r", "s", "l", "t", "x", "m", "k"]
CURRENCIES = ["USD", "EUR", "GBP", "CHF", "SEK", "PLN"]
SYMBOLS = {"USD": "$", "EUR": "\u20ac", "GBP": "\u00a3"}


class Number(str):
    """A number as printed ('12.40'): JSON answers hold it without quotes."""


def pseudo_word(rng, low=1, high=3):
    syllables = "".join(rng.c(ONSETS) + rng.c(VOWELS) for _ in range(rng.n(low, high)))
    return (syllables + rng.c(ENDINGS)).capitalize()


def letters(rng, low=3, high=8):
    return "".join(rng.c(LOWER) for _ in range(rng.n(low, high))).capitalize()


def word(rng, vocabulary):
    draw = rng.u()
    return rng.c(vocabulary) if draw < 0.35 else pseudo_word(rng) if draw < 0.75 else letters(rng)


def merchant(rng):
    draw = rng.u()
    if draw < 0.35:
        text = word(rng, SHOP)
    elif draw < 0.9:
        text = word(rng, SHOP) + " " + word(rng, SHOP)
    else:
        text = word(rng, LAST) + rng.c([" & ", "'s "]) + word(rng, SHOP)
    return text.upper() if rng.p(0.3) else text


def date(rng):
    year, month, day = rng.n(2018, 2031), rng.n(1, 12), rng.n(1, 28)
    draw = rng.u()
    if draw < 0.5:
        return "%04d-%02d-%02d" % (year, month, day)
    if draw < 0.7:
        return "%02d/%02d/%04d" % (day, month, year)
    if draw < 0.85:
        return "%02d.%02d.%04d" % (day, month, year)
    return "%02d.%02d.%02d" % (day, month, year % 100)


def money(rng, digits=(1, 2, 2, 2, 3)):
    """An amount with two decimals; the count of digits before the point is drawn from `digits`."""
    count = rng.c(digits)
    whole = rng.n(0 if count == 1 else 10 ** (count - 1), 10 ** count - 1)
    return Number("%d.%02d" % (whole, rng.c([0, 5, 9, 50, 99, 95]) if rng.p(0.2) else rng.n(0, 99)))


def small_money(rng):
    return money(rng, (1, 1, 2, 2))


def identifier(rng):
    def some(characters, count):
        return "".join(rng.c(characters) for _ in range(count))

    draw = rng.u()
    if draw < 0.3:
        return some(ID_LETTERS, 2) + "-" + some(DIGITS, rng.n(3, 5))
    if draw < 0.5:
        return some(DIGITS, rng.n(4, 7))
    if draw < 0.7:
        return some(ID_LETTERS, 1) + some(DIGITS, rng.n(3, 6))
    if draw < 0.85:
        return some(DIGITS, 3) + "-" + some(DIGITS, 3)
    return some(ID_LETTERS + DIGITS, rng.n(5, 8))


def person(rng):
    text = word(rng, FIRST) + " " + word(rng, LAST) if rng.p(0.85) else word(rng, FIRST)
    return text.upper() if rng.p(0.2) else text


def city(rng):
    text = word(rng, CITY)
    return text.upper() if rng.p(0.15) else text


def product(rng):
    text = word(rng, GOODS) if rng.p(0.45) else word(rng, GOODS) + " " + word(rng, GOODS)
    return text.upper() if rng.p(0.25) else text


def phone(rng):
    def digits(count):
        return "".join(rng.c(DIGITS) for _ in range(count))

    draw = rng.u()
    if draw < 0.4:
        return "+%d %s %s" % (rng.n(1, 99), digits(3), digits(4))
    return digits(3) + ("-" if draw < 0.8 else " ") + digits(4)


def email(rng):
    return "%s@%s.%s" % (word(rng, FIRST).lower(), word(rng, SHOP).lower(), rng.c(["com", "org", "net", "eu", "io"]))


def street(rng):
    kind = rng.c(["Street", "St", "Road", "Lane", "Way", "Ave"])
    return "%d %s %s" % (rng.n(1, 199), word(rng, LAST), kind) if rng.p(0.7) else "%s %d" % (word(rng, LAST), rng.n(1, 99))


def distinct(rng, make, count):
    """`count` texts of make(rng), no two equal and none part of another: a question can name one of them."""
    texts = []
    while len(texts) < count:
        text = make(rng)
        if not any(text.lower() in other.lower() or other.lower() in text.lower() for other in texts):
            texts.append(text)
    return texts
