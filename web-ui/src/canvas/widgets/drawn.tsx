//! What is drawn rather than typed: curves and boxes, and other values as JSON. The row shows it small, a box over it is where it is changed.

import { useRef, useState, type PointerEvent as ReactPointerEvent } from "react";
import type { Widget } from "../../document/catalog";
import { isObject, parseJson, stringifyJson, type Json } from "../../document/json";
import { settle } from "../../store/editor";
import { openPopup } from "../../ui/popup";
import { curveLine, curveOf, moved, type CurvePoint } from "./curve";
import type { WidgetProps } from "./row";

type DrawnKind = Extract<Widget, { kind: "drawn" }>;
type Props = WidgetProps<DrawnKind>;

const SIDES = ["x", "y", "width", "height"] as const;

const number = (value: Json | undefined) => (typeof value === "number" || typeof value === "bigint" ? Number(value) : 0);

function summary(widget: DrawnKind, value: Json | undefined): string {
  if (widget.what === "box" && isObject(value)) return `${number(value.x)}, ${number(value.y)} · ${number(value.width)} × ${number(value.height)}`;
  if (widget.what === "curve") return `${curveOf(value).points.length} points`;
  return Array.isArray(value) ? `${value.length} ${value.length === 1 ? "entry" : "entries"}` : stringifyJson(value ?? null);
}

export function DrawnWidget(props: Props) {
  const { row, widget, disabled } = props;
  const value = row.value ?? widget.default;
  const said = summary(widget, value);
  return (
    <button
      type="button"
      className="w w-text w-drawn nodrag"
      disabled={disabled}
      title={row.tooltip || undefined}
      aria-label={`${row.label}: ${said}`}
      aria-haspopup="dialog"
      onClick={(event) => openPopup(event.currentTarget.getBoundingClientRect(), <Editor {...props} />)}
    >
      <span className="w-label">{row.label}</span>
      {!disabled && <span className="w-value">{said}</span>}
      {!disabled && widget.what === "curve" && (
        <svg className="w-curve" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden>
          <path d={curveLine(curveOf(value))} />
        </svg>
      )}
    </button>
  );
}

function Editor({ row, widget, set }: Props) {
  const [value, setValue] = useState<Json>(row.value ?? widget.default);
  const change = (next: Json, gesture?: string) => {
    setValue(next);
    set(next, gesture ?? `drawn:${row.key}`);
  };
  return (
    <div className="drawn" role="dialog" aria-label={row.label}>
      {widget.what === "curve" ? <CurveEditor value={value} change={change} /> : widget.what === "box" ? <BoxEditor value={value} change={change} /> : <JsonEditor label={row.label} value={value} change={change} />}
    </div>
  );
}

interface EditorProps {
  readonly value: Json;
  readonly change: (value: Json, gesture?: string) => void;
}

const KEYS: Readonly<Record<string, readonly [number, number]>> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

function CurveEditor({ value, change }: EditorProps) {
  const curve = curveOf(value);
  const field = useRef<SVGSVGElement>(null);
  const write = (points: readonly CurvePoint[]) => change({ ...(isObject(value) ? value : {}), points, interpolation: curve.interpolation });
  const at = (event: { clientX: number; clientY: number }): CurvePoint => {
    const box = field.current!.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height];
  };
  const grab = (i: number) => (event: ReactPointerEvent<SVGCircleElement>) => {
    if (event.button !== 0) return;
    event.stopPropagation();
    event.currentTarget.setPointerCapture(event.pointerId);
    event.currentTarget.focus();
    event.currentTarget.dataset.held = String(i);
  };
  return (
    <>
      <svg
        ref={field}
        className="curve"
        viewBox="0 0 100 100"
        aria-label="Curve. Double-click adds a point."
        onDoubleClick={(event) => {
          const point = at(event);
          if (!(event.target as Element).closest("circle")) write([...curve.points, point].sort((a, b) => a[0] - b[0]));
        }}
      >
        <path className="curve-grid" d="M25 0V100M50 0V100M75 0V100M0 25H100M0 50H100M0 75H100" />
        <path className="curve-line" d={curveLine(curve)} />
        {curve.points.map(([x, y], i) => (
          <circle
            key={i}
            cx={x * 100}
            cy={100 - y * 100}
            r={2.6}
            role="slider"
            tabIndex={0}
            aria-label={`Point ${i + 1}`}
            aria-valuenow={Math.round(y * 100) / 100}
            aria-valuemin={0}
            aria-valuemax={1}
            aria-valuetext={`${x.toFixed(2)}, ${y.toFixed(2)}`}
            onPointerDown={grab(i)}
            onPointerMove={(event) => event.currentTarget.dataset.held !== undefined && write(moved(curve.points, i, at(event)))}
            onPointerUp={(event) => {
              delete event.currentTarget.dataset.held;
              settle();
            }}
            onKeyDown={(event) => {
              const step = KEYS[event.key];
              const [dx, dy] = step ?? [0, 0];
              const grain = event.shiftKey ? 0.1 : 0.01;
              if (step) write(moved(curve.points, i, [x + dx * grain, y + dy * grain]));
              else if ((event.key === "Delete" || event.key === "Backspace") && curve.points.length > 2) write(curve.points.filter((_, k) => k !== i));
              else return;
              event.preventDefault();
              event.stopPropagation();
            }}
          />
        ))}
      </svg>
      <label className="drawn-row">
        <span>Between points</span>
        <select value={curve.interpolation} onChange={(event) => change({ ...(isObject(value) ? value : {}), points: curve.points, interpolation: event.target.value })}>
          <option value="monotone_cubic">smooth</option>
          <option value="linear">straight</option>
          {!["monotone_cubic", "linear"].includes(curve.interpolation) && <option>{curve.interpolation}</option>}
        </select>
      </label>
      <div className="drawn-row">
        <button type="button" className="button" onClick={() => write([...curve.points, [0.5, 0.5] as const].sort((a, b) => a[0] - b[0]))}>
          Add a point
        </button>
        <button
          type="button"
          className="button"
          onClick={() =>
            write([
              [0, 0],
              [1, 1],
            ])
          }
        >
          Straighten
        </button>
      </div>
    </>
  );
}

function BoxEditor({ value, change }: EditorProps) {
  const box = isObject(value) ? value : {};
  return (
    <div className="drawn-box">
      {SIDES.map((side) => (
        <label key={side}>
          <span>{side}</span>
          <input type="number" min={side === "x" || side === "y" ? undefined : 1} step={1} value={number(box[side])} onChange={(event) => change({ ...box, [side]: Math.round(event.target.valueAsNumber) || 0 })} onBlur={() => settle()} />
        </label>
      ))}
    </div>
  );
}

function JsonEditor({ label, value, change }: EditorProps & { label: string }) {
  const [text, setText] = useState(() => stringifyJson(value, 2));
  const [wrong, setWrong] = useState<string | null>(null);
  return (
    <>
      <textarea
        aria-label={label}
        aria-invalid={wrong !== null}
        rows={10}
        cols={40}
        spellCheck={false}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          try {
            change(parseJson(event.target.value));
            setWrong(null);
          } catch (error) {
            setWrong(error instanceof Error ? error.message : String(error));
          }
        }}
        onBlur={() => settle()}
      />
      {wrong !== null && <p role="alert">{wrong}</p>}
    </>
  );
}
