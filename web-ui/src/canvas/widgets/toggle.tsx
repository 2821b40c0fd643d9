//! A switch.

import type { Widget } from "../../document/catalog";
import type { WidgetProps } from "./row";

export function ToggleWidget({ row, widget, disabled, set }: WidgetProps<Extract<Widget, { kind: "boolean" }>>) {
  const on = row.value === true;
  return (
    <button type="button" className="w w-toggle nodrag" role="switch" aria-checked={on} aria-label={row.label} disabled={disabled} title={row.tooltip || undefined} onClick={() => set(!on)}>
      <span className="w-label">{row.label}</span>
      {!disabled && (
        <>
          <span className="w-value">{on ? widget.on : widget.off}</span>
          <i className="w-switch" data-on={on || undefined} />
        </>
      )}
    </button>
  );
}
