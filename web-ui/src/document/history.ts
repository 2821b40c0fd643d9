//! Undo and redo: one step for each gesture of the user.

import type { Document } from "./model";

export interface History {
  readonly past: readonly Document[];
  readonly present: Document;
  readonly future: readonly Document[];
  /** The gesture that the last step belongs to. */
  readonly gesture: string | null;
}

const LONGEST = 200;

export const startHistory = (present: Document): History => ({ past: [], present, future: [], gesture: null });

/** Adds an edit. Edits of one gesture, such as the letters of a text or the places of a drag, are one step. */
export function edited(history: History, present: Document, gesture: string | null = null): History {
  if (present === history.present) return history;
  if (gesture !== null && gesture === history.gesture) return { ...history, present, future: [] };
  return { past: [...history.past.slice(-LONGEST + 1), history.present], present, future: [], gesture };
}

/** Ends the gesture: the next edit is a step of its own. */
export const settled = (history: History): History => (history.gesture === null ? history : { ...history, gesture: null });

export function undone(history: History): History {
  const before = history.past.at(-1);
  if (!before) return history;
  return { past: history.past.slice(0, -1), present: before, future: [history.present, ...history.future], gesture: null };
}

export function redone(history: History): History {
  const [next, ...future] = history.future;
  if (!next) return history;
  return { past: [...history.past, history.present], present: next, future, gesture: null };
}
