//! What the user prefers, kept in the browser.

import { create } from "zustand";
import { persist } from "zustand/middleware";

export interface Settings {
  theme: "dark" | "light" | "system";
  /** How links are drawn. */
  links: "spline" | "straight" | "step" | "hidden";
  /** What happens when a link is let go over the empty canvas; with Shift the other of search and menu. */
  release: "search" | "menu" | "nothing";
  snap: boolean;
  minimap: boolean;
  /** What dragging the empty canvas does. */
  drag: "pan" | "select";
  /** What the wheel does. */
  wheel: "zoom" | "pan";
  /** Whether values change before a run instead of after it. */
  control: "after" | "before";
  confirmDelete: boolean;
  animate: boolean;
  /** Whether nodes are called as the browser's language has it, where the server knows how. */
  translate: boolean;
  batch: number;
  auto: "off" | "change" | "always";
  favourites: readonly string[];
  /** Keys that the user has given to commands. */
  keys: Readonly<Record<string, string>>;
}

const USUAL: Settings = {
  theme: "system",
  links: "spline",
  release: "search",
  snap: false,
  minimap: true,
  drag: "pan",
  wheel: "zoom",
  control: "after",
  confirmDelete: true,
  animate: true,
  translate: true,
  batch: 1,
  auto: "off",
  favourites: [],
  keys: {},
};

export const useSettings = create<Settings>()(persist(() => USUAL, { name: "burnish.settings" }));

export const setSetting = <K extends keyof Settings>(key: K, value: Settings[K]): void => {
  useSettings.setState({ [key]: value } as Pick<Settings, K>);
};

export const resetSettings = (): void => {
  useSettings.setState(USUAL, true);
};
