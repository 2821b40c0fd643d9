//! The whole workflow, small. Drawn on one canvas, as a thousand elements more would be too many.

import { useStoreApi } from "@xyflow/react";
import { useEffect, useRef, type PointerEvent as ReactPointerEvent } from "react";
import { lookAt } from "./flow";
import type { OnCanvas } from "./types";

const WIDTH = 200;
const HEIGHT = 132;

export function MiniMap() {
  const store = useStoreApi<OnCanvas>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const scale = useRef({ x: 0, y: 0, by: 1 });
  useEffect(() => {
    let frame = 0;
    const draw = () => {
      frame = 0;
      const context = canvas.current?.getContext("2d");
      if (!context || !canvas.current) return;
      const { nodes, transform, width, height } = store.getState();
      const seen = { x: -transform[0] / transform[2], y: -transform[1] / transform[2], width: width / transform[2], height: height / transform[2] };
      let [left, top, right, bottom] = [seen.x, seen.y, seen.x + seen.width, seen.y + seen.height];
      for (const it of nodes) {
        left = Math.min(left, it.position.x);
        top = Math.min(top, it.position.y);
        right = Math.max(right, it.position.x + (it.width ?? 0));
        bottom = Math.max(bottom, it.position.y + (it.height ?? 0));
      }
      const by = Math.min(WIDTH / (right - left), HEIGHT / (bottom - top)) * 0.94;
      scale.current = { x: (left + right) / 2 - WIDTH / 2 / by, y: (top + bottom) / 2 - HEIGHT / 2 / by, by };
      const dense = devicePixelRatio || 1;
      if (canvas.current.width !== WIDTH * dense) {
        canvas.current.width = WIDTH * dense;
        canvas.current.height = HEIGHT * dense;
      }
      const styles = getComputedStyle(canvas.current);
      const plain = styles.getPropertyValue("--map-node");
      const chosen = styles.getPropertyValue("--accent");
      context.setTransform(dense, 0, 0, dense, 0, 0);
      context.clearRect(0, 0, WIDTH, HEIGHT);
      const box = (it: { x: number; y: number; width: number; height: number }): [number, number, number, number] => [(it.x - scale.current.x) * by, (it.y - scale.current.y) * by, Math.max(1.5, it.width * by), Math.max(1.5, it.height * by)];
      for (const it of nodes) {
        const at = box({ ...it.position, width: it.width ?? 0, height: it.height ?? 0 });
        if (it.type === "group") {
          context.fillStyle = it.data.group.color ?? "#3f789e";
          context.globalAlpha = 0.25;
        } else {
          context.fillStyle = it.selected ? chosen : it.type === "node" && it.data.node.bgcolor ? it.data.node.bgcolor : plain;
          context.globalAlpha = 1;
        }
        context.fillRect(...at);
      }
      context.globalAlpha = 1;
      context.strokeStyle = chosen;
      context.lineWidth = 1;
      const [x, y, w, h] = box(seen);
      context.strokeRect(x + 0.5, y + 0.5, w - 1, h - 1);
    };
    const later = () => {
      frame ||= requestAnimationFrame(draw);
    };
    later();
    const stop = store.subscribe((state, before) => {
      if (state.nodes !== before.nodes || state.transform !== before.transform || state.width !== before.width) later();
    });
    return () => {
      stop();
      cancelAnimationFrame(frame);
    };
  }, [store]);
  const go = (event: ReactPointerEvent<HTMLCanvasElement>) => {
    const { left, top } = event.currentTarget.getBoundingClientRect();
    lookAt([scale.current.x + (event.clientX - left) / scale.current.by, scale.current.y + (event.clientY - top) / scale.current.by]);
  };
  return (
    <div className="minimap">
      <canvas
        ref={canvas}
        role="img"
        aria-label="Map of the workflow"
        style={{ width: WIDTH, height: HEIGHT }}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          go(event);
        }}
        onPointerMove={(event) => event.buttons === 1 && go(event)}
      />
    </div>
  );
}
