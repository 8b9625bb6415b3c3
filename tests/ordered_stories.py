"""Twenty short stories for tests of meaning, and vectors without a model."""

import math
from collections.abc import Sequence

# Written for these tests: each goes from one matter to the next, so that neighbours have more in common.
PIECES = """
The kettle had stood on the stove since six. Nobody had filled it. When the water finally boiled, Anna poured it over
the last of the tea. Outside, the postman leaned his bicycle on the gate. He had one letter in his bag, and the stamp
was foreign. Anna saw the stamp through the window and put down her cup. The letter was from her brother in Peru. He
wrote that he was coming home, and bringing a wife.

The mill wheel stopped on a Tuesday. Ice had gripped the blades in the night. The miller hit the ice with a hammer
until the hammer broke. In the village the baker counted his sacks of flour. Four sacks would make bread until
Sunday. After Sunday there would be no bread at all. So the children were sent out to gather wood. They lit a great
fire under the wheel, and by dusk the ice let go.

Our dog was afraid of thunder. At the first rumble he crept beneath the bed. No biscuit could bring him out until the
storm had passed. My grandmother was afraid of nothing but the telephone. She answered it standing, in her best
shoes. If the caller was a stranger she hung up at once. One night it thundered and the telephone rang together. We
found the dog and my grandmother under the same bed.

The train to the coast was full of sailors. They sang in the corridor and passed a bottle along. A conductor asked
them for tickets and was given a song. In the last carriage a woman held a violin case on her knees. There was no
violin in the case. There were eleven thousand crowns in it, wrapped in a shawl. At the border the guards walked
through with torches. They opened every suitcase, and left the violin alone.

Ben planted tomatoes in an old bathtub. He watered the plants every evening with a can. By July the first tomatoes
were red. His neighbour grew roses and despised vegetables. She said that a bathtub was an insult to the street. Ben
heard it over the hedge and said nothing. In August he left a bowl of tomatoes on her step. The next morning there
was a rose in the empty bowl.

The museum closed at five. A guard went from hall to hall and turned out the lamps. In the hall of clocks he always
stopped to listen. That evening one clock was silent. It was the oldest, a brass clock from Prague. The guard opened
its door and found a sleeping boy. The boy had missed his school bus. They shared a sandwich and waited for his
mother.

Snow fell on the pass for three days. The road vanished, and then the signs along the road. Two drivers were caught
there in a lorry full of oranges. They ate oranges for breakfast and oranges for supper. By the third day they could
not bear the smell. On the fourth day a plough broke through the drifts. The man in the plough asked what they
needed. Anything, they said, as long as it was not fruit.

The choir had lost its tenor. He had married a girl from the city and moved away. Without him the hymns sounded thin.
Then a plumber came to mend the church pipes. He whistled while he lay beneath the sink. The choir mistress put down
her music and listened. She asked him whether he could read notes. He could not, he said, but he could learn anything
by ear.

I bought the camera at a market for two pounds. The film was still inside. A shop in town developed the pictures for
me. They showed a family on a beach before the war. The father wore a hat, and the girls held hands. On the last
picture one girl was pointing at the lens. I hung that picture in my kitchen. Years later a visitor looked at it and
said that she was the girl.

The captain kept bees on the roof of the harbour office. They flew over the cranes to the lime trees in the park. In
June the honey tasted of limes. The new director of the port did not like insects. She had been stung as a child and
had nearly died. She ordered the hives to be gone within a week. The captain moved the hives onto his ship at night.
Now the sailors have honey, and the park has no bees.

Maria swam in the lake each morning before work. The water was cold enough to hurt. She counted forty strokes to the
island and forty back. On the island lived a heron that never moved for her. It stood on one leg and watched the
fish. One autumn morning the heron was gone. Maria sat on its stone and shivered. At her feet the fish came up,
unafraid.

The school play needed a ghost. Nobody wanted to wear the sheet. At last the smallest pupil raised her hand. Her
mother sewed the sheet by the light of a candle. She cut two holes for the eyes and one for the mouth. The costume
dragged on the floor like a gown. On the night of the play the ghost forgot her lines. She said boo, and the hall
laughed for a whole minute.

The old king could not sleep. He tried milk, and music, and counting his soldiers. Nothing closed his eyes before
dawn. Down in the stables slept a groom who snored like a bear. The horses had grown used to the snoring. When he was
ill they stamped all night. The king went down one night to see to his horses. He heard the snoring, lay down in the
straw and slept until noon.

The lift in our building holds four people. The stairs are narrow and smell of soup. I take the lift and my brother
takes the stairs. On Friday the lift stuck between two floors. With me were the dentist, his patient and a cello. The
patient could not speak because of the needle. To pass the time the owner of the cello played. When the doors opened,
the whole house was sitting on the stairs.

My aunt sold maps from a stall by the bridge. She had maps of countries that no longer existed. Tourists bought them
for their colours. A professor came every week to look at the old borders. He never bought anything, but he corrected
the spelling. My aunt began to keep the worst maps for him. When he died, he left her his library. Among the books
lay every map she had ever sold.

The desert bus left at midnight. Its driver steered by the stars, because there was no road. Passengers slept on
sacks of dates. Toward morning an engine valve broke with a crack. The driver took the engine apart on a blanket. He
made a new valve out of a spoon. All day the bus crawled on behind a herd of camels. The camels arrived first, and
were given the water.

Rosa lost her ring in the bread dough. She baked sixty loaves that night. By seven o'clock all of them were sold. Her
husband went from door to door and asked for the bread. Some people had already eaten their loaf. One man had fed his
to the ducks on the pond. So Rosa went to the pond and called the ducks. A fat drake walked up the bank and coughed
at her feet.

The library stayed open during the flood. The books from the low shelves were carried upstairs. Readers came in boots
and dripped on the carpet. A fisherman tied his boat to the front door. He wanted a book about the repair of roofs.
The librarian found it for him under the letter R. He read it in the boat by the light of a lamp. By spring every
roof in his street had been mended.

Grandfather repaired watches at the kitchen table. He had a glass for one eye and a steady hand. The tiny wheels lay
before him on a napkin. Our cat liked to sleep in the warm light of his lamp. She never touched a wheel in fourteen
years. Then one evening she sneezed. Wheels flew under the cupboard and into the soup. Grandfather laughed until the
glass fell from his eye.

The astronomer lived alone on the hill. Through her telescope she had found three comets. Each was named after a
sister of hers. In the valley her sisters ran a laundry. Steam rose from its chimneys and spoiled the view. She
complained about the steam in every letter. One winter the sisters let the fires go out for a night. In the clear air
she found a fourth comet, and named it after the laundry.
"""


def stories() -> list[str]:
    return [" ".join(piece.split()) for piece in PIECES.strip().split("\n\n")]


def by_letters(texts: Sequence[str]) -> list[list[float]]:
    """Vectors without a model: quick enough for many random texts."""
    found = []
    for text in texts:
        counts = [0.0] * 16
        for char in text:
            counts[ord(char) % 16] += 1.0
        length = math.sqrt(math.fsum(x * x for x in counts)) or 1.0
        found.append([x / length for x in counts])
    return found
