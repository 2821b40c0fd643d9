//! A colour, as text or as a number.

import type { Widget } from "../../document/catalog";
import type { WidgetProps } from "./row";

export function ColourWidget({ row, widget, disabled, set }: WidgetProps<Extract<Widget, { kind: "color" | "int" | "float" }>>) {
  const number = widget.kind !== "color";
  const shown = number ? `#${Math.max(0, Math.min(0xffffff, Math.round(Number(row.value ?? 0)))).toString(16).padStart(6, "0")}` : String(row.value ?? widget.default);
  return (
    <label className="w w-colour nodrag" title={row.tooltip || undefined}>
      <span className="w-label">{row.label}</span>
      <span className="w-value">{shown}</span>
      <input
        type="color"
        aria-label={row.label}
        disabled={disabled}
        value={/^#[0-9a-f]{6}$/i.test(shown) ? shown : "#000000"}
        onChange={(event) => set(number ? Number.parseInt(event.target.value.slice(1), 16) : event.target.value, `colour:${row.key}`)}
      />
    </label>
  );
}
