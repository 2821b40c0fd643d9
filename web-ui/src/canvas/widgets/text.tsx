//! Texts: static until they are clicked. In long ones, Ctrl+Up and Ctrl+Down weigh words.

import { useLayoutEffect, useRef, useState } from "react";
import type { Widget } from "../../document/catalog";
import { reweighted } from "../../document/weight";
import { settle } from "../../store/editor";
import { Markdown } from "./markdown";
import type { WidgetProps } from "./row";

type TextKind = Extract<Widget, { kind: "string" }>;

export function TextWidget(props: WidgetProps<TextKind>) {
  return props.widget.multiline ? <LongText {...props} /> : <ShortText {...props} />;
}

function ShortText({ row, widget, disabled, set }: WidgetProps<TextKind>) {
  const [typing, setTyping] = useState(false);
  const face = useRef<HTMLButtonElement>(null);
  const value = String(row.value ?? "");
  if (typing)
    return (
      <div className="w w-typing nodrag">
        <input
          aria-label={row.label}
          autoFocus
          value={value}
          placeholder={widget.placeholder || row.label}
          onFocus={(event) => event.currentTarget.select()}
          onChange={(event) => set(event.target.value, `text:${row.key}`)}
          onBlur={() => {
            settle();
            setTyping(false);
          }}
          onKeyDown={(event) => {
            event.stopPropagation();
            if (event.key === "Enter" || event.key === "Escape") {
              event.currentTarget.blur();
              requestAnimationFrame(() => document.activeElement === document.body && face.current?.focus());
            }
          }}
        />
      </div>
    );
  return (
    <button ref={face} type="button" className="w w-text nodrag" disabled={disabled} title={row.tooltip || undefined} aria-label={`${row.label}: ${value}`} onClick={() => setTyping(true)}>
      <span className="w-label">{row.label}</span>
      <span className="w-value">{disabled ? "" : value}</span>
    </button>
  );
}

function LongText({ row, widget, disabled, set }: WidgetProps<TextKind>) {
  const [typing, setTyping] = useState<number | null>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  const selection = useRef<[number, number] | null>(null);
  const value = String(row.value ?? "");
  useLayoutEffect(() => {
    if (selection.current && area.current) area.current.setSelectionRange(...selection.current);
    selection.current = null;
  }, [value]);
  if (typing === null || disabled) {
    return (
      <div
        className={widget.markdown ? "w w-long w-markdown nodrag nowheel" : "w w-long nodrag nowheel"}
        role="textbox"
        aria-multiline
        aria-label={row.label}
        aria-readonly={disabled || undefined}
        data-disabled={disabled || undefined}
        data-empty={!value || undefined}
        tabIndex={disabled ? -1 : 0}
        title={row.tooltip || undefined}
        onPointerUp={(event) => {
          if (event.button !== 0 || disabled) return;
          // The cursor goes where the text was clicked.
          const range = document.caretRangeFromPoint?.(event.clientX, event.clientY);
          setTyping(range && !widget.markdown && event.currentTarget.contains(range.startContainer) && value ? range.startOffset : value.length);
        }}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || disabled || event.ctrlKey || event.metaKey) return;
          event.preventDefault();
          event.stopPropagation();
          setTyping(value.length);
        }}
      >
        {widget.markdown && value ? <Markdown text={value} /> : value || widget.placeholder || row.label}
      </div>
    );
  }
  return (
    <textarea
      ref={area}
      className="w w-long nodrag nowheel"
      aria-label={row.label}
      autoFocus
      spellCheck={false}
      placeholder={widget.placeholder || row.label}
      value={value}
      onFocus={(event) => event.currentTarget.setSelectionRange(typing, typing)}
      onChange={(event) => set(event.target.value, `text:${row.key}`)}
      onBlur={() => {
        settle();
        setTyping(null);
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") {
          event.stopPropagation();
          event.currentTarget.blur();
          return;
        }
        if (!(event.ctrlKey || event.metaKey)) return event.stopPropagation();
        if (event.key === "ArrowUp" || event.key === "ArrowDown") {
          event.preventDefault();
          event.stopPropagation();
          const { selectionStart, selectionEnd } = event.currentTarget;
          const made = reweighted(value, selectionStart, selectionEnd, event.key === "ArrowUp" ? 0.05 : -0.05);
          selection.current = [made.start, made.end];
          set(made.text, `text:${row.key}`);
        }
      }}
    />
  );
}
