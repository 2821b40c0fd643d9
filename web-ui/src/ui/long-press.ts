//! A finger that stays does what the right button does. Some browsers do that by themselves, others never.

/** How long a finger stays, in milliseconds, and how far it may move, in pixels. */
const STAYS = 500;
const MOVES = 10;

/** Starts to listen; answers how to stop. */
export function watchLongPress(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let start: { x: number; y: number } | null = null;
  let opened = false;
  const cancel = () => {
    clearTimeout(timer);
    start = null;
  };
  const down = (event: PointerEvent) => {
    cancel();
    opened = false;
    const { target, clientX: x, clientY: y } = event;
    if (event.pointerType !== "touch" || !event.isPrimary || !(target instanceof Element) || target.closest("input, textarea, select, .popup")) return;
    start = { x, y };
    timer = setTimeout(() => {
      opened = true;
      start = null;
      target.dispatchEvent(new MouseEvent("contextmenu", { bubbles: true, cancelable: true, clientX: x, clientY: y, button: 2, view: window }));
    }, STAYS);
  };
  const move = (event: PointerEvent) => {
    if (start && Math.hypot(event.clientX - start.x, event.clientY - start.y) > MOVES) cancel();
  };
  const second = (event: TouchEvent) => event.touches.length > 1 && cancel();
  const menu = (event: MouseEvent) => {
    if (!event.isTrusted) return;
    cancel();
    // The browser was as patient: one menu is enough.
    if (opened) event.preventDefault(), event.stopPropagation();
  };
  /** Lifting the finger is no click on what opened under it. */
  const click = (event: MouseEvent) => {
    if (!opened) return;
    opened = false;
    event.preventDefault();
    event.stopPropagation();
  };
  const lift = (event: TouchEvent) => {
    cancel();
    // Without the touch's end there is no click to come.
    if (opened && event.cancelable) event.preventDefault();
    setTimeout(() => (opened = false));
  };
  const passive = { capture: true, passive: true };
  addEventListener("pointerdown", down, true);
  addEventListener("pointermove", move, true);
  addEventListener("pointercancel", cancel, true);
  addEventListener("touchstart", second, passive);
  addEventListener("touchend", lift, { capture: true, passive: false });
  addEventListener("contextmenu", menu, true);
  addEventListener("click", click, true);
  return () => {
    cancel();
    removeEventListener("pointerdown", down, true);
    removeEventListener("pointermove", move, true);
    removeEventListener("pointercancel", cancel, true);
    removeEventListener("touchstart", second, passive);
    removeEventListener("touchend", lift, { capture: true });
    removeEventListener("contextmenu", menu, true);
    removeEventListener("click", click, true);
  };
}
