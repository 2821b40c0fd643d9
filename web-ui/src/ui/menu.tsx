//! Menus, with menus inside, for the mouse and for the keyboard.

import { useEffect, useRef, useState } from "react";
import { Icon } from "./icons";
import { closePopup, openPopup } from "./popup";

export type MenuItem =
  | { readonly label: string; readonly keys?: string; readonly run: () => void; readonly disabled?: boolean; readonly checked?: boolean; readonly danger?: boolean; readonly colour?: string }
  | { readonly label: string; readonly items: () => readonly MenuItem[] }
  | "-";

export function openMenu(at: DOMRect | { x: number; y: number }, items: readonly MenuItem[]): void {
  openPopup(at, <Menu items={items} />);
}

function Menu({ items, back }: { items: readonly MenuItem[]; back?: () => void }) {
  const list = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<{ index: number; focus: boolean } | null>(null);
  useEffect(() => {
    if (!back) list.current?.querySelector<HTMLElement>("button:not([disabled])")?.focus();
  }, [back]);
  const move = (from: Element, by: number) => {
    const buttons = [...(list.current?.querySelectorAll<HTMLElement>(":scope > .menu-row > button:not([disabled])") ?? [])];
    const at = buttons.indexOf(from as HTMLElement);
    buttons[(at + by + buttons.length) % buttons.length]?.focus();
  };
  return (
    <div
      className="menu"
      role="menu"
      ref={list}
      onKeyDown={(event) => {
        if (event.key === "ArrowDown" || event.key === "ArrowUp") {
          event.preventDefault();
          event.stopPropagation();
          move(event.target as Element, event.key === "ArrowDown" ? 1 : -1);
        }
        if (event.key === "ArrowLeft" && back) {
          event.stopPropagation();
          back();
        }
      }}
    >
      {items.map((item, i) =>
        item === "-" ? (
          <hr key={i} />
        ) : "items" in item ? (
          <div key={i} className="menu-row" onPointerEnter={() => setOpen({ index: i, focus: false })}>
            <button
              type="button"
              role="menuitem"
              aria-haspopup="menu"
              aria-expanded={open?.index === i}
              onClick={() => setOpen({ index: i, focus: true })}
              onKeyDown={(event) => {
                if (event.key === "ArrowRight") setOpen({ index: i, focus: true });
              }}
            >
              <span>{item.label}</span>
              <Icon name="right" size={12} />
            </button>
            {open?.index === i && <SubMenu items={item.items()} focus={open.focus} back={() => setOpen(null)} />}
          </div>
        ) : (
          <div key={i} className="menu-row" onPointerEnter={() => setOpen(null)}>
            <button
              type="button"
              role={item.checked === undefined ? "menuitem" : "menuitemcheckbox"}
              aria-checked={item.checked}
              disabled={item.disabled}
              data-danger={item.danger || undefined}
              onClick={() => {
                closePopup();
                item.run();
              }}
            >
              {item.colour && <i className="swatch" style={{ background: item.colour }} />}
              {item.checked !== undefined && <i className="tick">{item.checked ? "✓" : ""}</i>}
              <span>{item.label}</span>
              {item.keys && <kbd>{item.keys}</kbd>}
            </button>
          </div>
        ),
      )}
    </div>
  );
}

function SubMenu({ items, focus, back }: { items: readonly MenuItem[]; focus: boolean; back: () => void }) {
  const box = useRef<HTMLDivElement>(null);
  const [shift, setShift] = useState<{ left?: string; top?: number }>({});
  useEffect(() => {
    const rect = box.current?.getBoundingClientRect();
    if (!rect) return;
    setShift({ ...(rect.right > innerWidth - 8 ? { left: "auto" } : {}), ...(rect.bottom > innerHeight - 8 ? { top: innerHeight - 8 - rect.bottom } : {}) });
    if (focus) box.current?.querySelector<HTMLElement>("button:not([disabled])")?.focus();
  }, [focus]);
  return (
    <div className="submenu" ref={box} style={{ ...(shift.left ? { left: "auto", right: "100%" } : {}), ...(shift.top === undefined ? {} : { top: shift.top }) }}>
      <Menu
        items={items}
        back={() => {
          (box.current?.parentElement?.firstElementChild as HTMLElement | null)?.focus();
          back();
        }}
      />
    </div>
  );
}
