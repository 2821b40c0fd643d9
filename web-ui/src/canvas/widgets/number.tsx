//! Numbers: dragged sideways, stepped with the arrows, or typed; whole numbers keep all 64 bits.

import { useRef, useState } from "react";
import { CONTROLS, type Widget } from "../../document/catalog";
import { small, whole } from "../../document/face";
import type { Json } from "../../document/json";
import { Icon, type IconName } from "../../ui/icons";
import { openMenu } from "../../ui/menu";
import type { WidgetProps } from "./row";

type NumberKind = Extract<Widget, { kind: "int" | "float" }>;

/** The number that a text says, within the limits; `null` where it says none. Sums and products are worked out. */
export function parseNumber(widget: NumberKind, text: string): number | bigint | null {
  const plain = text.trim().replace(",", ".");
  if (widget.kind === "int" && /^[+-]?\d+$/.test(plain)) return clamp(widget, BigInt(plain));
  const value = evaluated(plain);
  return value === null ? null : clamp(widget, widget.kind === "int" ? BigInt(Math.round(value)) : value);
}

/** Works out `+ - * /` of numbers. */
function evaluated(text: string): number | null {
  const parts = text.match(/\d+\.?\d*(?:e[+-]?\d+)?|\.\d+|[-+*/()]/gi);
  if (!parts || parts.join("") !== text.replace(/\s+/g, "")) return null;
  let at = 0;
  const sum = (): number => {
    let value = product();
    while (parts[at] === "+" || parts[at] === "-") value = parts[at++] === "+" ? value + product() : value - product();
    return value;
  };
  const product = (): number => {
    let value = factor();
    while (parts[at] === "*" || parts[at] === "/") value = parts[at++] === "*" ? value * factor() : value / factor();
    return value;
  };
  const factor = (): number => {
    if (parts[at] === "-") return at++, -factor();
    if (parts[at] === "+") return at++, factor();
    if (parts[at] === "(") {
      at++;
      const value = sum();
      return parts[at++] === ")" ? value : NaN;
    }
    return Number(parts[at++] ?? NaN);
  };
  const value = sum();
  return at === parts.length && Number.isFinite(value) ? value : null;
}

export function clamp(widget: NumberKind, value: number | bigint): number | bigint {
  if (widget.kind === "int") {
    const exact = whole(value);
    if (exact < whole(widget.min)) return small(whole(widget.min));
    return small(exact > whole(widget.max) ? whole(widget.max) : exact);
  }
  const bounded = Math.min(Math.max(Number(value), Number(widget.min)), Number(widget.max));
  const grain = widget.round ?? 0;
  return grain > 0 ? Number((Math.round(bounded / grain) * grain).toFixed(10)) : Number(bounded.toFixed(10));
}

export function shownNumber(widget: NumberKind, value: Json | undefined): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "number") return value === undefined || value === null ? "" : String(value);
  if (widget.kind === "int") return String(value);
  const digits = Math.min(8, Math.max(1, Math.ceil(-Math.log10(widget.round || widget.step))));
  return value.toFixed(Number.isFinite(digits) ? digits : 2);
}

const MODE_ICONS: Record<string, { icon: IconName; label: string }> = {
  fixed: { icon: "lock", label: "Keep" },
  increment: { icon: "plus", label: "Add a step" },
  decrement: { icon: "chevron", label: "Take a step off" },
  randomize: { icon: "dice", label: "Draw a new one" },
  "increment-wrap": { icon: "redo", label: "Next, from the start at the end" },
};

/** What happens with a value after each run. */
export function ModeButton({ row, setMode, wrap = false }: Pick<WidgetProps, "row" | "setMode"> & { wrap?: boolean }) {
  if (!row.mode) return null;
  const about = MODE_ICONS[row.mode]!;
  return (
    <button
      type="button"
      className="w-mode nodrag"
      data-mode={row.mode}
      title={`After each run: ${about.label.toLowerCase()}`}
      aria-label={`${row.label} after each run: ${about.label}`}
      onClick={(event) =>
        openMenu(
          event.currentTarget.getBoundingClientRect(),
          CONTROLS.filter((it) => wrap || it !== "increment-wrap").map((mode) => ({ label: MODE_ICONS[mode]!.label, checked: row.mode === mode, run: () => setMode(mode) })),
        )
      }
    >
      <Icon name={about.icon} size={12} />
    </button>
  );
}

let drags = 0;

export function NumberWidget({ row, widget, disabled, set, setMode }: WidgetProps<NumberKind>) {
  const [typing, setTyping] = useState<string | null>(null);
  const box = useRef<HTMLDivElement>(null);
  /** Whether the first digit is what opened the field. */
  const begun = useRef(false);
  const value = row.value;
  const current = typeof value === "bigint" || typeof value === "number" ? value : 0;
  const step = (by: number, gesture?: string) => {
    const next = widget.kind === "int" ? whole(current) + BigInt(Math.round(by * Math.max(1, widget.step))) : Number(current) + by * widget.step;
    set(clamp(widget, next), gesture);
  };
  const commit = () => {
    const parsed = typing === null ? null : parseNumber(widget, typing);
    setTyping(null);
    if (parsed !== null && parsed !== value) set(parsed);
  };
  const drag = (event: React.PointerEvent) => {
    if (event.button !== 0 || disabled) return;
    const target = event.currentTarget as HTMLElement;
    const start = event.clientX;
    const from = current;
    const gesture = `drag:${++drags}`;
    let moved = false;
    const move = (it: PointerEvent) => {
      const far = it.clientX - start;
      if (!moved && Math.abs(far) < 4) return;
      moved = true;
      if (widget.display === "slider") {
        const { left, width } = target.getBoundingClientRect();
        const part = Math.min(Math.max((it.clientX - left) / width, 0), 1);
        const wide = Number(widget.max) - Number(widget.min);
        set(clamp(widget, Number(widget.min) + Math.round((part * wide) / widget.step) * widget.step), gesture);
        return;
      }
      const steps = Math.round((far / 4) * (it.shiftKey ? 10 : 1));
      const next = widget.kind === "int" ? whole(from) + BigInt(steps) * BigInt(Math.max(1, Math.round(widget.step))) : Number(from) + steps * widget.step;
      set(clamp(widget, next), gesture);
    };
    const up = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", up);
      if (moved) return;
      begun.current = false;
      setTyping(shownNumber(widget, value));
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", up);
  };
  const part = widget.display === "slider" ? (Number(current) - Number(widget.min)) / (Number(widget.max) - Number(widget.min)) : null;
  if (typing !== null) {
    return (
      <div className="w w-typing nodrag">
        <input
          className="nowheel"
          aria-label={row.label}
          autoFocus
          value={typing}
          inputMode="decimal"
          onFocus={(event) => begun.current || event.currentTarget.select()}
          onChange={(event) => setTyping(event.target.value)}
          onBlur={commit}
          onKeyDown={(event) => {
            event.stopPropagation();
            if (event.key === "Enter") {
              commit();
              // Back to the face, unless something else was focused meanwhile.
              requestAnimationFrame(() => document.activeElement === document.body && box.current?.focus());
            }
            if (event.key === "Escape") setTyping(null);
          }}
        />
      </div>
    );
  }
  return (
    <div className="w w-number nodrag" data-disabled={disabled || undefined} title={row.tooltip || undefined}>
      {part !== null && <i className="w-fill" style={{ width: `${Math.max(0, Math.min(1, part)) * 100}%` }} />}
      <div
        ref={box}
        className="w-face"
        role="spinbutton"
        tabIndex={disabled ? -1 : 0}
        aria-label={row.label}
        aria-disabled={disabled || undefined}
        aria-valuenow={Number(current)}
        aria-valuetext={shownNumber(widget, value)}
        onPointerDown={drag}
        onKeyDown={(event) => {
          if (disabled || event.ctrlKey || event.metaKey || event.altKey) return;
          const by = event.shiftKey ? 10 : 1;
          if (event.key === "ArrowUp" || event.key === "ArrowRight") step(by, `step:${row.key}`);
          else if (event.key === "ArrowDown" || event.key === "ArrowLeft") step(-by, `step:${row.key}`);
          else if (event.key === "Enter" || event.key === "F2" || /^[-.\d]$/.test(event.key)) {
            begun.current = event.key.length === 1;
            setTyping(begun.current ? event.key : shownNumber(widget, value));
          }
          else return;
          event.preventDefault();
          event.stopPropagation();
        }}
      >
        <span className="w-label">{row.label}</span>
        <span className="w-value">{disabled ? "" : shownNumber(widget, value)}</span>
      </div>
      {!disabled && <ModeButton row={row} setMode={setMode} />}
    </div>
  );
}
