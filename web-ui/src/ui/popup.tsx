//! A box that floats over everything: lists to choose from and menus. One is open at a time.

import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from "react";
import { create } from "zustand";

interface Popup {
  readonly at: DOMRect | { readonly x: number; readonly y: number };
  readonly content: ReactNode;
  readonly from: Element | null;
}

const usePopup = create<{ popup: Popup | null }>()(() => ({ popup: null }));

/** Opens a box below an element or at a point. The focus goes back when it closes. */
export function openPopup(at: Popup["at"], content: ReactNode): void {
  usePopup.setState({ popup: { at, content, from: document.activeElement } });
}

export function closePopup(): void {
  const { popup } = usePopup.getState();
  if (!popup) return;
  usePopup.setState({ popup: null });
  if (popup.from instanceof HTMLElement && popup.from.isConnected) popup.from.focus({ preventScroll: true });
}

export function PopupHost() {
  const popup = usePopup((it) => it.popup);
  const box = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState<{ left: number; top: number } | null>(null);
  useLayoutEffect(() => {
    setPlace(null);
    if (!popup || !box.current) return;
    const { width, height } = box.current.getBoundingClientRect();
    const below = "bottom" in popup.at ? popup.at.bottom + 4 : popup.at.y;
    const above = "top" in popup.at ? popup.at.top - height - 4 : innerHeight - height - 8;
    const top = below + height + 8 > innerHeight ? Math.max(8, above) : below;
    setPlace({ left: Math.max(8, Math.min(popup.at.x, innerWidth - width - 8)), top });
  }, [popup]);
  useEffect(() => {
    if (!popup) return;
    const down = (event: PointerEvent) => {
      if (event.target instanceof Element && event.target.closest(".popup")) return;
      closePopup();
    };
    addEventListener("pointerdown", down, true);
    addEventListener("blur", closePopup);
    return () => {
      removeEventListener("pointerdown", down, true);
      removeEventListener("blur", closePopup);
    };
  }, [popup]);
  if (!popup) return null;
  return (
    <div
      ref={box}
      className="popup"
      // Seen only in its place; hidden, it could not take the focus.
      style={place ?? { left: 0, top: 0, opacity: 0 }}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.key === "Escape") closePopup();
      }}
    >
      {popup.content}
    </div>
  );
}
