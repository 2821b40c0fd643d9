//! The canvas as others reach it: where it looks and what lies where.

import type { ReactFlowInstance, Viewport } from "@xyflow/react";
import { create } from "zustand";
import type { Point } from "../document/model";

let flow: ReactFlowInstance | null = null;
let pointer: Point | null = null;

export const setFlow = (instance: ReactFlowInstance | null): void => {
  flow = instance;
};

export const setPointer = (at: Point): void => {
  pointer = at;
};

const duration = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 180);

const FIT = { padding: 0.12, maxZoom: 1 };

export const fit = (nodes?: readonly string[]): void => void flow?.fitView({ ...FIT, duration: duration(), ...(nodes?.length ? { nodes: nodes.map((id) => ({ id })) } : {}) });
export const zoomBy = (factor: number): void => void flow?.zoomTo(flow.getZoom() * factor, { duration: duration() });
export const zoomTo = (zoom: number): void => void flow?.zoomTo(zoom, { duration: duration() });
export const lookAt = (at: Point): void => void flow?.setCenter(at[0], at[1], { zoom: flow.getZoom(), duration: 0 });
export const showAt = (view: Viewport): void => void flow?.setViewport(view);

export const toCanvas = (at: Point): Point => {
  const there = flow?.screenToFlowPosition({ x: at[0], y: at[1] }, { snapToGrid: false });
  return there ? [Math.round(there.x), Math.round(there.y)] : at;
};

/** The middle of what is seen, on the screen. */
export function middle(): Point {
  const box = document.querySelector(".react-flow")?.getBoundingClientRect();
  return box ? [box.x + box.width / 2, box.y + box.height / 2] : [innerWidth / 2, innerHeight / 2];
}

/** Where the mouse was last over the canvas, on the screen; or the middle. */
export const pointed = (): Point => pointer ?? middle();

/** Whether the canvas is so far away that only titles can be read. */
export const useFar = create<{ far: boolean }>()(() => ({ far: false }));

/** Below this zoom nodes are drawn as blocks. */
export const FAR = 0.35;
