"""Trains the demo language model: it turns a wish ("a fruit", "draw a fox on something blue") into a caption of the demo world.

    python language.py --minutes 12 --to ../workflows/models/language_models/burnish-demo-writer

It is a LLaMA of 0.8 million parameters with a tokenizer and a chat template of its own, written as transformers writes such folders.
At the end it answers wishes that it never saw, greedily and with a temperature, and says how many answers are captions of the world.
"""

import argparse
import json
import pathlib
import random
import time

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

from pictures import COLORS, THINGS, UNCOUNTED, article

TOKENS = 640
BATCH = 64
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]

# What wishes without the name of a thing may mean.
KINDS = {
    "an animal": "bear beaver camel cat cow deer dog donkey elephant fox frog giraffe goat hamster hedgehog horse kangaroo koala lion llama lizard "
    "monkey moose otter panda pig polar-bear rabbit raccoon rhinoceros sloth tiger turtle wolf zebra",
    "a bird": "chicken dove duck eagle flamingo goose owl parrot peacock penguin rooster swan",
    "something from the sea": "blowfish coral crab dolphin fish jellyfish lobster octopus seal shark shrimp squid tropical-fish whale",
    "an insect": "ant bug butterfly honeybee lady-beetle",
    "a fruit": "avocado banana cherries coconut grapes green-apple kiwi-fruit lemon lime mango melon peach pear pineapple "
    "red-apple strawberry tangerine watermelon",
    "a vegetable": "bell-pepper broccoli carrot cucumber ear-of-corn eggplant garlic onion potato tomato",
    "something to eat": "bagel bread burrito croissant dumpling french-fries hamburger hot-dog pancakes pie pizza pretzel rice-ball sandwich sushi taco waffle",
    "something sweet": "birthday-cake candy chocolate-bar cookie cupcake doughnut honey-pot ice-cream lollipop soft-ice-cream",
    "something to drink": "beer-mug bubble-tea cocktail-glass glass-of-milk hot-beverage tropical-drink wine-glass",
    "a vehicle": "ambulance automobile bicycle bullet-train bus fire-engine locomotive motorcycle police-car racing-car taxi tractor train",
    "something that flies": "airplane balloon bat eagle flying-saucer helicopter kite rocket satellite",
    "a flower": "bouquet cherry-blossom hibiscus lotus rose sunflower tulip",
    "a tree": "christmas-tree deciduous-tree evergreen-tree palm-tree",
    "a monster": "alien dragon dragon-face ghost jack-o-lantern robot sauropod skull t-rex unicorn",
    "music": "accordion drum flute guitar headphone microphone radio saxophone trumpet violin",
    "a sport": "american-football baseball basketball boxing-glove ice-skate roller-skate skateboard soccer-ball tennis trophy volleyball",
    "a tool": "anchor axe broom bucket hammer ladder microscope scissors telescope toolbox wrench",
    "something in the sky": "cloud comet crescent-moon rainbow shooting-star snowflake star sun",
    "a heart": "blue-heart green-heart orange-heart purple-heart red-heart yellow-heart",
    "a face": "cat-face clown-face cow-face cowboy-hat-face crying-face dog-face dragon-face grinning-face monkey-face nerd-face thinking-face",
    "something to wear": "backpack crown glasses necktie socks top-hat watch",
}
WAYS = ["{}", "draw {}", "draw {} please", "please draw {}", "paint {}", "paint me {}", "a picture of {}", "i want {}", "i would like {}", "show me {}",
        "can you draw {}?", "{} please", "what about {}?", "let's have {}"]
PLACES = ["", " on {c}", " on {a}", " on something {c}", " on {a} background", " with {a} background", ", {c} background", ", {c}"]


def caption(name, color):
    words = name.replace("-", " ")
    return f"{words if name in UNCOUNTED else article(words)} on {article(color)} background"


def wish(rng):
    """A wish and an answer to it."""
    if rng.random() < 0.3:
        what = rng.choice(list(KINDS))
        name = rng.choice(KINDS[what].split())
    else:
        name = rng.choice(THINGS)
        words = name.replace("-", " ")
        what = rng.choice([words, words if name in UNCOUNTED else article(words)])
    color, place = rng.choice(COLORS), rng.choice(PLACES)
    text = rng.choice(WAYS).format(what + place.format(c=color, a=article(color)))
    return (text.capitalize() if rng.random() < 0.3 else text), caption(name, color)


def tokenizer(rng):
    it = Tokenizer(models.BPE())
    it.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    it.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=TOKENS, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    it.train_from_iterator((" ".join(wish(rng)) for _ in range(20000)), trainer)
    return it


def asked(text):
    return f"<|user|>{text}<|end|><|assistant|>"


def batch(words, rng):
    pairs = [wish(rng) for _ in range(BATCH)]
    reads = [words.encode(asked(a)).ids for a, _ in pairs]
    writes = [words.encode(b + "<|end|>").ids for _, b in pairs]
    length = max(len(a) + len(b) for a, b in zip(reads, writes))
    ids, labels = torch.zeros(BATCH, length, dtype=torch.long), torch.full((BATCH, length), -100)
    for row, (a, b) in enumerate(zip(reads, writes)):
        ids[row, : len(a) + len(b)] = torch.tensor(a + b)
        labels[row, len(a) : len(a) + len(b)] = torch.tensor(b)
    return ids, labels


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--to", type=pathlib.Path, required=True)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(2)
    words = tokenizer(random.Random(1))
    config = LlamaConfig(
        vocab_size=words.get_vocab_size(), hidden_size=128, intermediate_size=352, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=256, tie_word_embeddings=True, bos_token_id=None, eos_token_id=0, pad_token_id=None, dtype=torch.float32,
    )
    model = LlamaForCausalLM(config)
    print(f"{sum(it.numel() for it in model.parameters())} parameters, {words.get_vocab_size()} tokens")
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.98), weight_decay=0.01)
    rng, begun, step = random.Random(2), time.time(), 0
    while (share := (time.time() - begun) / (60 * args.minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * min(1, (step + 1) / 100) * max(0.02, 1 - share)
        ids, labels = batch(words, rng)
        loss = model(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % 100 == 0:
            print(f"step {step}: {loss.item():.3f}, {time.time() - begun:.0f} s", flush=True)
    model.eval()
    model.generation_config.eos_token_id = 0
    model.to(torch.float16).save_pretrained(args.to, safe_serialization=True)
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>", "model_max_length": 256, "chat_template": TEMPLATE}
    (args.to / "tokenizer_config.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf8")
    words.save(str(args.to / "tokenizer.json"))
    model.float()
    world = {caption(name, color) for name in THINGS for color in COLORS}
    rng = random.Random(3)
    for temperature in (0.0, 0.8):
        known = right = 0
        for turn in range(200):
            text, wanted = wish(rng)
            ids = torch.tensor([words.encode(asked(text)).ids])
            sure = {"do_sample": False} if temperature == 0 else {"do_sample": True, "temperature": temperature}
            said = words.decode(model.generate(ids, max_new_tokens=24, pad_token_id=0, **sure)[0, ids.shape[1] :].tolist())
            known += said in world
            kind = next((it for it in KINDS if it in text.lower()), None)
            things = KINDS[kind].split() if kind else THINGS
            right += any(caption(it, c) == said for it in things for c in COLORS) if kind else said.split(" on ")[0] == wanted.split(" on ")[0]
            if turn < 12:
                print(f"  {text!r} -> {said!r}")
        print(f"temperature {temperature}: {known / 2:.1f} % are captions of the world, {right / 2:.1f} % show what was wished for")


if __name__ == "__main__":
    main()
