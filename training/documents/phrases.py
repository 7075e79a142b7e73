"""How questions are put."""

JSON = ["Extract {keys} as JSON.", "Extract {keys} as JSON.", "Return JSON with {keys}.", "JSON: {keys}",
        "Read the image. Give {keys} as JSON."]
ALL_TEXT = "Read all text."
KIND = ["What kind of document is this?", "What kind of document is it?"]
SMALL_CHOICE = "Is this a receipt, a label or a price tag?"
LARGE_CHOICE = ["Is this a receipt, an invoice, a form, a table, a label or a chart?",
                "Receipt, invoice, form, table, label or chart?"]

FIELD = {
    "merchant": ["What is the merchant?", "Which shop is it?"],
    "date": ["What is the date?"],
    "total": ["What is the total?", "How much is the total?"],
    "items": ["How many items?", "What is the item count?"],
    "name": ["What is the name?", "Whose name is on it?"],
    "id": ["What is the id?"],
    "city": ["What is the city?", "Which city?"],
    "product": ["What is the product?"],
    "price": ["What is the price?", "How much does it cost?"],
    "currency": ["What is the currency?"],
    "tax": ["What is the tax?", "How much tax?"],
    "invoice_number": ["What is the invoice number?", "Which invoice is it?"],
    "seller": ["Who is the seller?", "Who sold it?"],
    "buyer": ["Who is the buyer?", "Who has to pay?"],
    "email": ["What is the email?", "Which email address is given?"],
    "phone": ["What is the phone number?", "Which number to call?"],
    "company": ["What is the company?", "Which company?"],
    "street": ["What is the street?", "What is the street address?"],
    "tracking": ["What is the tracking number?", "Which parcel is it?"],
    "sender": ["Who is the sender?", "Who sent it?"],
    "weight": ["What is the weight?", "How many kg?"],
    "service": ["Which service is it?", "What is the service?"],
    "title": ["What is the title?", "What is it about?"],
}
TICKED = ["Is {name} ticked?", "Is the box {name} checked?"]
PRICE_OF = ["What is the price of {name}?", "How much is {name}?", "What does {name} cost?"]
LINE_COUNT = ["How many items are listed?", "How many things were bought?"]
ABOVE = ["Is the total above {amount}?", "Is the total more than {amount}?"]
CELL = ["What is the {column} of {row}?", "What is in column {column}, row {row}?", "{row}: what is the {column}?"]
ROW_JSON = ["Extract {keys} of {row} as JSON.", "Return JSON with {keys} for {row}.", "JSON of row {row}: {keys}"]
ROW_COUNT = ["How many rows?", "How many rows are below the header?"]
COLUMN_NAMES = ["What are the columns?", "List the column names."]
READ_ROW = ["Read row {row}.", "Read the row of {row}."]
READ_COLUMN = ["Read column {column}.", "List the {column} of all rows."]
BAR_VALUE = ["What is the value of {label}?", "How high is {label}?", "How much is {label}?"]
BAR_LARGEST = ["Which bar is the largest?", "Which has the highest value?", "What is the largest?"]
BAR_SMALLEST = ["Which bar is the smallest?", "Which has the lowest value?", "What is the smallest?"]
BAR_COUNT = ["How many bars?", "How many bars are there?", "Count the bars."]
BAR_COLOR = ["What is the color of {label}?", "Which color is the bar {label}?"]
BAR_LABELS = ["Which bars are there?", "List the labels of the bars."]
BAR_VALUES = ["List the values of the bars.", "Which values do the bars have?"]
BAR_COLORS = ["Which colors do the bars have?", "List the colors of the bars."]
BAR_JSON = ["Extract the bars as JSON.", "Give the chart as JSON.", "Return JSON with the value of every bar."]
EITHER = ["Which is larger, {first} or {second}?", "Is {first} or {second} higher?"]

# Clips.
FIRST_NUMBER = ["What is the first number{name}?", "Which number{name} is shown first?", "What does the number{name} start at?"]
LAST_NUMBER = ["What is the last number{name}?", "Which number{name} is shown last?", "What does the number{name} end at?"]
LARGEST_NUMBER = ["What is the largest number{name}?", "What is the highest number{name}?"]
NUMBER_JSON = ["Extract {keys} of the number{name} as JSON.", "Return JSON with {keys}{name}.", "JSON of the number{name}: {keys}"]
RISES = ["Does the number{name} end higher than it starts?", "Is the last number{name} higher than the first?"]
ALL_NUMBERS = ["Read all numbers{name}.", "List the numbers{name} in order."]
NUMBER_IN_FRAME = ["What is the number{name} in frame {frame}?"]
PLACE_FIRST = ["Where is the shape at first?", "Where does it start?"]
PLACE_LAST = ["Where is the shape at last?", "Where does it end?"]
PLACE_IN_FRAME = ["Where is the shape in frame {frame}?"]
DIRECTION = ["Which direction does it move: left, right, up or down?", "Where does the shape move: left, right, up or down?",
             "Does it move left, right, up or down?"]
SHAPE = ["Which shape moves?", "Is it a circle, a square or a triangle?", "What moves?"]
COLOR = ["Which color is the shape?", "What color is it?"]
SHAPE_JSON = ["Extract {keys} as JSON.", "Return JSON with {keys}.", "JSON: {keys}", "Watch. Give {keys} as JSON."]
