"""The training loop of the trainers, made for a busy machine.

Two threads, each with one core and its own copy of the model, take turns to hand gradients to one optimizer. Neither
waits for the other, so a core that other programs keep busy only slows its own thread (an OpenMP team of two would spin
at every barrier). The price: a gradient may be one step old, and two runs with one seed are alike, not equal.
"""

import argparse
import collections
import copy
import math
import pathlib
import threading
import time

import torch

WORKERS = 2
AVERAGE = 0.998


class Muon:
    """Momentum whose step is made orthogonal, for matrices and convolutions (Jordan 2024); AdamW for everything else.

    The step of a matrix is scaled to AdamW's usual size (0.2 per weight), so that one rate serves both.
    """

    def __init__(self, model, rate, decay):
        tables = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Embedding)}
        self.params = [p for p in model.parameters() if p.requires_grad]
        self.flat = [p for p in self.params if p.ndim >= 2 and min(p.shape[0], p[0].numel()) >= 8 and id(p) not in tables]
        taken = {id(p) for p in self.flat}
        rest = [p for p in self.params if id(p) not in taken]
        self.adam = torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
        self.momentum = {id(p): torch.zeros_like(p) for p in self.flat}
        self.decay = decay
        self.alike = collections.defaultdict(list)
        for p in self.flat:
            self.alike[(p.shape[0], p[0].numel())].append(p)

    @torch.no_grad()
    def step(self, rate):
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.step()
        for (rows, columns), params in self.alike.items():
            made = []
            for p in params:
                m = self.momentum[id(p)]
                m.mul_(0.95).add_(p.grad)
                made.append(p.grad.add(m, alpha=0.95).reshape(rows, columns))
            x = torch.stack(made).bfloat16()
            tall = rows > columns
            x = x.mT if tall else x
            x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
            for _ in range(5):
                a = x @ x.mT
                x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
            x = (x.mT if tall else x).float()
            size = 0.2 * max(rows, columns) ** 0.5
            for p, step in zip(params, x):
                p.mul_(1 - rate * self.decay).add_(step.reshape(p.shape), alpha=-rate * size)


def options(about, *, merges=True, to=None, rate, end, batch):
    """The options that trainers share, with a trainer's own usual values; it may add more. `about` is its docstring, `to` says what it writes."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=pathlib.Path, required=True)
    if merges:
        parser.add_argument("--merges", type=pathlib.Path, required=True, help="CLIP's merges file")
    if to:
        parser.add_argument("--to", type=pathlib.Path, required=True, help=to)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--rate", type=float, default=rate)
    parser.add_argument("--end", type=float, default=end, help="the rate falls by a cosine to this share of it")
    parser.add_argument("--batch", type=int, default=batch)
    return parser


def train(model, loss, *, minutes, rate, end, step, save, decay=0.0, report=20):
    """Trains `model` in place for `minutes`; returns the step reached.

    `loss(model, rng)` gives the loss of one batch, the number of its samples and a dict of figures to print. The rate rises over 50
    steps and falls by a cosine over the time to `end` of itself. `save(average, step)` gets the running average of the
    weights every minute and at the end.
    """
    torch.set_num_threads(1)
    params = [p for p in model.parameters() if p.requires_grad]
    opt = Muon(model, rate, decay)
    average = {k: v.clone() for k, v in model.state_dict().items()}
    lock, start, first = threading.Lock(), time.time(), step
    state = {"step": step, "samples": 0, "batches": 0, "shown": start, "saved": start, "sums": {}, "error": None}

    def apply(grads, samples, figures):
        now = time.time()
        done, local = min(1, (now - start) / (minutes * 60)), state["step"] - first + 1
        now_rate = rate * min(1, local / 50) * (end + (1 - end) * (0.5 + 0.5 * math.cos(math.pi * done)))
        for p, g in zip(params, grads):
            p.grad = g
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        opt.step(now_rate)
        state["step"] += 1
        keep = min(AVERAGE, (1 + local) / (10 + local))
        with torch.no_grad():
            for k, v in model.state_dict().items():
                if v.is_floating_point():
                    average[k].lerp_(v, 1 - keep)
        state["samples"] += samples
        state["batches"] += 1
        for k, v in figures.items():
            state["sums"][k] = state["sums"].get(k, 0.0) + v
        if now - state["shown"] > report:
            means = " ".join(f"{k} {v / state['batches']:.5f}" for k, v in state["sums"].items())
            speed = state["samples"] / (now - state["shown"])
            print(f"{state['step']} {now - start:.0f}s {speed:.0f} img/s {means} rate {now_rate:.1e}", flush=True)
            state.update(shown=now, samples=0, batches=0, sums={})
        if now - state["saved"] > 60:
            save(average, state["step"])
            state["saved"] = now

    def work(number):
        try:
            mine = copy.deepcopy(model)
            mine_params = [p for p in mine.parameters() if p.requires_grad]
            rng = torch.Generator().manual_seed(step * WORKERS + number)
            while time.time() - start < minutes * 60 and not state["error"]:
                with lock, torch.no_grad():
                    torch._foreach_copy_(mine_params, params)
                with torch.autocast("cpu", torch.bfloat16):
                    value, samples, figures = loss(mine, rng)
                grads = torch.autograd.grad(value, mine_params)
                with lock:
                    apply(grads, samples, figures)
        except BaseException as error:
            state["error"] = error

    threads = [threading.Thread(target=work, args=(n,)) for n in range(WORKERS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if state["error"]:
        raise state["error"]
    save(average, state["step"])
    print("done", state["step"], flush=True)
    return state["step"]


def replace(path, data):
    """Saves to a new file, then renames it: an interrupted run leaves the last good one."""
    torch.save(data, path.with_suffix(".new"))
    path.with_suffix(".new").rename(path)
