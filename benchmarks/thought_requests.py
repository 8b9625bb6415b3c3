"""Requests for short pieces that a first draft seldom meets -> a file for `writer-r1 synth --prompts`.

    python benchmarks/thought_requests.py /tmp/requests.jsonl

What makes a thought is a draft that misses something which can be counted, and a revision that puts it right. So each
request asks for a length, for five words, and for one word to be left out; its criteria are those that a count settles,
so that no model is asked to judge. All of it follows from the lists below: the same every time. None of these requests
is among `assets/sample_prompts.jsonl`, on which the proof of the process reward practises and is held to.
"""

import json
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from writer_r1.facts import measured_criteria, read_facts
from writer_r1.trajectory import Rubric

FORMS = ("A scene", "A story", "A description", "A diary entry in the first person")
LENGTHS = (60, 75, 90)
SUBJECTS = {
    "a night ferry": "rope ticket harbour whistle soup, without sea",
    "a blacksmith's last day": "anvil ledger apron spark gloves, without fire",
    "a school play that goes wrong": "curtain crown prompter ladder applause, without stage",
    "a beekeeper and her landlord": "smoke hive ladder jar rent, without honey",
    "a flooded cellar": "bucket wine candle stairs pump, without water",
    "a piano tuner in a hotel": "fork lobby pedal key receipt, without music",
    "a lost dog on a train": "collar platform biscuit guard tunnel, without bark",
    "a market before daybreak": "crate scale onion lantern coins, without morning",
    "two brothers mending a roof": "slate nail gutter rope sandwich, without father",
    "a clockmaker who is late": "spring bench bell visitor glass, without time",
    "a village with one telephone": "cord parcel widow bell queue, without call",
    "an orchard after a storm": "basket branch wasp fence mud, without wind",
    "a barber on the front": "razor towel mirror boot letter, without war",
    "a librarian who steals": "stamp coat drawer index alarm, without book",
    "a swimmer crossing a lake": "goggles boat buoy cramp shore, without cold",
    "a wedding without guests": "veil cake organist chair umbrella, without love",
    "a cook and his first snow": "ladle window boots steam apron, without white",
    "a widow learning to drive": "clutch mirror hedge kerb scarf, without husband",
    "a signalman at a junction": "lever lamp kettle log rails, without train",
    "a gardener who hates roses": "spade thorn hose gate compost, without flower",
    "an old actor at the dentist": "chair drill overture scarf bow, without teeth",
    "a customs officer at dawn": "stamp crate parrot form pencil, without border",
    "a child who sells stones": "pebble tray coin bench ribbon, without money",
    "a shepherd in a city": "crook tram pigeon whistle bakery, without sheep",
    "a painter of road signs": "brush arrow ladder tar stencil, without colour",
    "a tailor who cannot see": "thimble chalk sleeve button lamp, without eyes",
    "a mountain hut in May": "stove blanket boots register soup, without snow",
    "a night porter and a ghost": "key lift ledger slippers bell, without fear",
    "a miller's daughter": "sack wheel flour sieve mule, without bread",
    "a ship in a bottle": "cork glue mast tweezers attic, without sailor",
    "a goalkeeper in the rain": "glove net whistle mud towel, without ball",
    "a translator and a judge": "oath lamp folder cough glass, without word",
    "a lighthouse for sale": "stairs brass agent kettle gull, without light",
    "a chess game by post": "stamp bishop kitchen envelope pawn, without win",
    "a bus driver's holiday": "map thermos seat bell ticket, without road",
    "a quarrel over a hedge": "shears ladder twine rabbit tea, without neighbour",
    "a glazier on a Sunday": "putty pane cart bell chisel, without glass",
    "a nurse on her way home": "tram shoes apple keys milk, without hospital",
    "an empty circus ring": "sawdust rope drum bench lion, without clown",
    "a fisherman's daughter at school": "net slate scale boots chalk, without fish",
    "a typewriter in a pawnshop": "ribbon counter ticket lamp dust, without letter",
    "a bell that will not ring": "rope tower pigeon oil priest, without sound",
    "a cartographer who is lost": "compass ink mule ridge lamp, without map",
    "a twin at a reunion": "photograph gravy coat porch whistle, without sister",
    "a carpenter's first chair": "plane glue leg varnish aunt, without wood",
    "a winter without coal": "stove blanket sleigh kettle door, without cold",
    "a spy who keeps hens": "radio egg ladder code straw, without secret",
    "a teacher on the last bus": "chalk window scarf driver apple, without pupil",
    "a well in the desert": "rope camel bucket shade coin, without sand",
    "a museum guard at lunch": "bench sandwich vase torch keys, without picture",
}


def requests() -> Iterator[dict[str, object]]:
    """Yield a row for each of them: every subject in two forms, the lengths in turn."""
    for number, (form, (subject, listed)) in enumerate(product(FORMS, SUBJECTS.items())):
        if (number + number // len(SUBJECTS)) % 2:
            continue  # each subject in every other form
        words, _, left_out = listed.partition(", without ")
        *most, last = (f'"{word}"' for word in words.split())
        length = LENGTHS[number // 2 % len(LENGTHS)]
        prompt = f"{form} of about {length} words about {subject}. Use the words {', '.join(most)} and {last}."
        prompt += f' Do not use the word "{left_out}".'
        rubric = Rubric(prompt_id="", criteria=measured_criteria(read_facts(prompt)))
        yield {"id": f"s{number}", "prompt": prompt, "rubric": rubric.model_dump(mode="json")}


if __name__ == "__main__":
    out = Path(sys.argv[1])
    out.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in requests()), "utf-8")
