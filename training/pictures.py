"""The demo model's world: flat emoji (Fluent Emoji Flat, MIT) in the middle of ten plain backgrounds, with captions.

    python pictures.py --icons ICONS --run RUN      # ICONS: the unpacked npm package, RUN: the working folder

writes RUN/icons.npz once (premultiplied RGBA of every thing, 64x64, uint8); the trainers compose pictures from it.
"""

import argparse
import io
import json
import pathlib

import numpy as np
import torch

SIZE = 64
ICON = 56

BACKGROUNDS = {
    "white": (255, 255, 255),
    "black": (20, 20, 20),
    "red": (214, 48, 49),
    "green": (46, 160, 67),
    "blue": (45, 105, 210),
    "yellow": (250, 206, 60),
    "purple": (130, 80, 190),
    "pink": (245, 150, 190),
    "gray": (128, 128, 128),
    "orange": (240, 140, 40),
}
COLORS = list(BACKGROUNDS)

THINGS = """
airplane alarm-clock alien ambulance ant automobile avocado backpack bacon bagel balloon banana basketball bat bear beaver
beer-mug bell bell-pepper bicycle bird birthday-cake black-cat blowfish blue-heart blueberries boar books bread broccoli
bubble-tea bug burrito bus butterfly cactus camel camera candle candy carrot castle cat cat-face cheese-wedge cherries
cherry-blossom chicken chocolate-bar christmas-tree cloud clown-face cocktail-glass coconut comet cookie coral cow-face
cowboy-hat-face crab crescent-moon crocodile croissant crown crying-face cucumber cupcake deer dog dog-face dolphin doughnut
dragon dragon-face drum duck eagle ear-of-corn egg eggplant elephant envelope evergreen-tree fire fire-engine fish flamingo
flying-saucer four-leaf-clover fox french-fries fried-shrimp frog garlic gem-stone ghost giraffe glass-of-milk grapes
green-apple green-heart green-salad grinning-face guitar hamburger hammer hamster hedgehog helicopter hibiscus hippopotamus
honey-pot honeybee horse hot-beverage hot-dog hot-pepper house ice-cream jack-o-lantern jellyfish kangaroo key kiwi-fruit
koala lady-beetle laptop lemon leopard light-bulb lime lion lizard lobster locomotive lollipop lotus mango maple-leaf
melon money-bag monkey monkey-face motorcycle mouse-face mushroom nerd-face octopus onion orange-heart owl palm-tree pancakes
panda parrot peach peacock pear penguin pig pig-face pile-of-poo pineapple pizza polar-bear police-car popcorn potato
potted-plant pretzel purple-heart rabbit rabbit-face raccoon racing-car rainbow red-apple red-heart rhinoceros robot rocket
rooster rose sailboat sandwich sauropod scissors scorpion seal seedling shark ship shrimp skull sloth
smiling-face-with-sunglasses snail snake snowflake snowman soccer-ball soft-ice-cream spider spouting-whale squid star
strawberry sun sunflower sushi swan t-rex taco tangerine teapot tennis tent thinking-face tiger tiger-face tomato top-hat
tractor tropical-drink tropical-fish trophy trumpet tulip turtle umbrella unicorn video-game volcano waffle watermelon whale
wine-glass wolf wrapped-gift yellow-heart zebra
accordion american-football anchor axe baseball basket bathtub battery bomb bone boomerang bouquet boxing-glove broom bucket
bullet-train chair chipmunk cow deciduous-tree desktop-computer donkey dove dumpling feather ferris-wheel floppy-disk flute game-die
glasses goat goose gorilla headphone hourglass-done ice-skate kite ladder llama magnet mammoth microphone microscope mobile-phone
moose mountain necktie otter ox paintbrush pencil pie poodle radio rice-ball ring roller-skate satellite saxophone shooting-star
skateboard socks spoon taxi teddy-bear telephone telescope television toolbox tooth train violin volleyball watch wrench yarn
""".split()


def choose(icons):
    """The things of the world: {name: icon}."""
    data = json.loads((icons / "icons.json").read_text())["icons"]
    return {n: data[n] for n in THINGS}


def draw(icon, size):
    """One thing as premultiplied RGBA, uint8 [size, size, 4]."""
    import resvg_py
    from PIL import Image

    w, h = icon.get("width", 32), icon.get("height", 32)
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{size}" height="{size}">{icon["body"]}</svg>'
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size))
    rgba = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA")).astype(np.float32)
    rgba[..., :3] *= rgba[..., 3:] / 255
    return rgba.round().astype(np.uint8)


class World:
    """All pictures: `pictures(things, colors)` gives float [n, 3, 64, 64] in -1..1."""

    def __init__(self, run):
        saved = np.load(pathlib.Path(run) / "icons.npz")
        self.names = [str(n) for n in saved["names"]]
        rgba = torch.from_numpy(saved["rgba"]).permute(0, 3, 1, 2).float() / 255
        self.rgb, self.alpha = rgba[:, :3].contiguous(), rgba[:, 3:].contiguous()
        self.palette = torch.tensor(list(BACKGROUNDS.values())).float() / 255
        # One pair in ten is never shown in training; every thing keeps at least eight backgrounds.
        rng = np.random.default_rng(7)
        self.unseen = set()
        for thing in range(len(self.names)):
            for color in rng.choice(len(COLORS), rng.choice([0, 1, 2], p=[0.25, 0.5, 0.25]), replace=False):
                self.unseen.add((thing, int(color)))
        self.seen = [(t, c) for t in range(len(self.names)) for c in range(len(COLORS)) if (t, c) not in self.unseen]

    def pictures(self, things, colors):
        return self.on(things, self.palette[colors])

    def on(self, things, rgb):
        """The things on any background colours, `rgb` [n, 3] in 0..1."""
        return self.posed(things, rgb)

    def posed(self, things, rgb, mirrored=None, moved=None, silver=None):
        """What the ControlNet and the LoRA add to this world. `mirrored` [n] and `silver` (no colour in the thing) [n] are bools,
        `moved` [n, 2] tells how many patches of 8 pixels the thing sits lower and further right, each -1, 0 or 1."""
        thing, alpha = self.rgb[things], self.alpha[things]
        if silver is not None:
            gray = (thing * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True).expand_as(thing)
            thing = torch.where(silver.view(-1, 1, 1, 1), gray, thing)
        layer = torch.cat([thing, alpha], 1)
        if mirrored is not None:
            layer = torch.where(mirrored.view(-1, 1, 1, 1), layer.flip(3), layer)
        if moved is not None:
            wide = torch.nn.functional.pad(layer, (8, 8, 8, 8))
            layer = torch.stack([w[:, 8 - 8 * y : 72 - 8 * y, 8 - 8 * x : 72 - 8 * x] for w, (y, x) in zip(wide, moved.tolist())])
        return (layer[:, :3] + (1 - layer[:, 3:]) * rgb[:, :, None, None]) * 2 - 1


# Names that take no article.
UNCOUNTED = set("bacon blueberries books bread broccoli cherries coral french-fries garlic grapes pancakes popcorn scissors sushi glasses socks".split())


def article(words):
    return ("an " if words[0] in "aeiou" and not words.startswith("uni") else "a ") + words


def captions(name, color):
    """Every way in which a picture is captioned; the first is the plain one, used in the evaluation."""
    n = name.replace("-", " ")
    a = n if name in UNCOUNTED else article(n)
    on = f"on {article(color)} background"
    ways = [f"{a} {on}", f"{a}, {color} background", f"{n} on {color}", f"{n}, {color} background", f"{n} {on}"]
    ways += [f"a picture of {a} {on}", f"an icon of {a} {on}"]
    if color == "white":
        ways += [a, n, f"a picture of {a}"]
    return ways


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--icons", type=pathlib.Path, required=True)
    parser.add_argument("--run", type=pathlib.Path, required=True)
    args = parser.parse_args()
    args.run.mkdir(parents=True, exist_ok=True)
    chosen = choose(args.icons)
    edge = (SIZE - ICON) // 2
    rgba = np.zeros((len(chosen), SIZE, SIZE, 4), np.uint8)
    for i, icon in enumerate(chosen.values()):
        rgba[i, edge : edge + ICON, edge : edge + ICON] = draw(icon, ICON)
    np.savez_compressed(args.run / "icons.npz", names=np.array(list(chosen)), rgba=rgba)
    world = World(args.run)
    print(f"{len(world.names)} things, {len(world.seen)} pairs shown, {len(world.unseen)} held out")
