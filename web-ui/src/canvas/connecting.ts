//! While a link is dragged: which sockets it could go to.

import { create } from "zustand";
import { connects } from "../document/model";

/** The link that is being dragged off its input. */
export const usePicked = create<{ link: string | null }>()(() => ({ link: null }));

/** Dims the sockets that a link from this one cannot go to. Classes are set by hand, as thousands of sockets need not be drawn again. */
export function dimOthers(from: { side: "input" | "output"; type: string }): void {
  document.querySelector(".canvas")?.setAttribute("data-connecting", "");
  for (const slot of document.querySelectorAll<HTMLElement>(".canvas .slot")) {
    const { side, type = "*" } = slot.dataset;
    const fits = side !== from.side && (from.side === "output" ? connects(from.type, type) : connects(type, from.type));
    slot.toggleAttribute("data-dim", !fits);
  }
}

export function undim(): void {
  document.querySelector(".canvas")?.removeAttribute("data-connecting");
  for (const slot of document.querySelectorAll(".canvas .slot[data-dim]")) slot.removeAttribute("data-dim");
}
