//! Short messages that come and go, and questions that wait for an answer.

import { create } from "zustand";

export interface Notice {
  readonly id: number;
  readonly kind: "info" | "success" | "error";
  readonly text: string;
}

export interface Question {
  readonly title: string;
  readonly text?: string;
  /** The text that is asked for; `undefined` for a yes or no. */
  readonly value?: string;
  readonly yes: string;
  readonly danger?: boolean;
  readonly answer: (value: string | null) => void;
}

interface Notices {
  notices: readonly Notice[];
  question: Question | null;
}

export const useNotices = create<Notices>()(() => ({ notices: [], question: null }));

let next = 1;

export function notify(text: string, kind: Notice["kind"] = "info"): void {
  const notice = { id: next++, kind, text };
  useNotices.setState(({ notices }) => ({ notices: [...notices.slice(-3), notice] }));
  setTimeout(() => dismiss(notice.id), kind === "error" ? 10_000 : 4000);
}

export const dismiss = (id: number): void => useNotices.setState(({ notices }) => ({ notices: notices.filter((it) => it.id !== id) }));

/** Tells of a failure in the words of whoever failed. */
export const complain = (error: unknown): void => notify(error instanceof Error ? error.message : String(error), "error");

/** Asks for a text; `null` when the user thinks better of it. */
export const askText = (title: string, value: string, yes = "OK"): Promise<string | null> =>
  new Promise((resolve) => useNotices.setState({ question: { title, value, yes, answer: resolve } }));

export const askYes = (title: string, text: string, yes: string, danger = false): Promise<boolean> =>
  new Promise((resolve) => useNotices.setState({ question: { title, text, yes, danger, answer: (it) => resolve(it !== null) } }));
