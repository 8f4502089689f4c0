"""Pairs of titles that look the same, and pairs that do not, though they are close."""

from __future__ import annotations

from typing import Final

SAME: Final = [
    # the same words, however they are written
    ("Buy milk", "buy milk!"),
    ("Buy milk", "Milk: buy"),
    ("creme brulee", "Crème brûlée"),
    ("STRASSE kehren", "Straße kehren"),
    ("Zażółć gęślą jaźń", "zazolc gesla jazn"),
    ("Купить ёлку", "купить елку"),
    ("Fix PROJ-1234", "fix proj 1234"),
    ("🎂 for Anna", "Anna 🎂"),
    ("買牛奶", "買 牛奶。"),
    ("牛乳を買う", "牛乳 を買う"),
    ("우유 사기", "우유사기"),
    ("!!!", "!!!"),
    # words that change nothing
    ("Call the dentist", "Call dentist"),
    ("Renew passport", "Please renew my passport"),
    ("Send Anna the Q3 report", "Send Q3 report to Anna"),
    ("Prepare slides for Monday meeting", "Prepare the slides for the meeting on Monday"),
    ("Buy milk, eggs", "Buy milk and eggs"),
    ("Milch und Eier kaufen", "Bitte die Milch, die Eier kaufen"),
    ("Termin beim Zahnarzt", "Zahnarzt Termin"),
    ("Appeler le dentiste", "Appeler dentiste"),
    ("Llamar a la abuela", "Llamar abuela"),
    ("Comprare il latte", "Comprare latte"),
    # how soon
    ("Call mom", "Call mom today"),
    ("Water plants tomorrow", "Water the plants"),
    ("Rechnung zahlen", "Rechnung heute zahlen"),
    ("Pay rent", "ASAP: pay rent"),
    # typing errors, and endings
    ("Call dentist", "Call dentits"),
    ("Buy groceries", "Buy groceires"),
    ("Pay invoice from Miller", "Pay invoices from Miller"),
    ("Book appointment", "Book appointmet"),
    ("Book restaurant", "Book restaurent"),
    ("Zahnarzt anrufen", "Zahnarzt anruffen"),
]
OTHERS: Final = [
    ("Buy milk", "Buy bread"),
    ("Call Anna", "Call Bob"),
    ("Call", "Call Anna"),
    ("Buy milk", "Buy oat milk"),
    ("Pay rent", "Pay rent deposit"),
    ("Call Martin back", "Call Marvin back"),
    ("Clean the house", "Clean the horse"),
    # numbers, and what has some
    ("Invoice 41", "Invoice 42"),
    ("Chapter 3", "Chapter 4"),
    ("Chapter 3", "Chapter 13"),
    ("Rechnung 2026-041 zahlen", "Rechnung 2026-042 zahlen"),
    ("Release v1.2", "Release v1.3"),
    ("Report Q3", "Report Q4"),
    ("Fix PROJ-1234", "Fix PROJ-1235"),
    ("Pay order AB1234567", "Pay order AB1234576"),
    ("第3章を読む", "第4章を読む"),
    ("Plan A", "Plan B"),
    ("Vitamin A", "Vitamin D"),
    # dates and times
    ("Dentist 15:00", "Dentist 16:00"),
    ("Team meeting 3pm", "Team meeting 4pm"),
    ("Call mom on Monday", "Call mom on Tuesday"),
    ("Standup Tuesday", "Standup Thursday"),
    ("Call mom today", "Call mom tomorrow"),
    ("Bericht Juni", "Bericht Juli"),
    ("Report for January", "Report for February"),
    # opposites, and what turns them round
    ("Turn on heating", "Turn off heating"),
    ("Check in at hotel", "Check out at hotel"),
    ("Book the meeting with Anna", "Cancel the meeting with Anna"),
    ("Meeting with Anna about the budget", "Cancel meeting with Anna about the budget"),
    ("Pay the invoice", "Do not pay the invoice"),
    ("Kaffee mit Milch", "Kaffee ohne Milch"),
    ("Move files from laptop to server", "Move files from server to laptop"),
    ("Call Anna before Bob", "Call Bob before Anna"),
    # another word of a script without spaces
    ("買牛奶", "買羊奶"),
    ("从北京到上海", "从上海到北京"),
]
