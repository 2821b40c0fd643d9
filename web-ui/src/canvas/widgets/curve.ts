//! Curves through points from 0 to 1, as nodes that correct colours take them.

import { isObject, type Json } from "../../document/json";

export type CurvePoint = readonly [number, number];

export interface Curve {
  readonly points: readonly CurvePoint[];
  /** `linear`, or smooth without overshooting: `monotone_cubic`. */
  readonly interpolation: string;
}

const STRAIGHT: readonly CurvePoint[] = [
  [0, 0],
  [1, 1],
];

/** Reads a curve, whatever a file holds in its place. Points are in order from left to right. */
export function curveOf(value: Json | undefined): Curve {
  const listed = isObject(value) ? value.points : value;
  const points = (Array.isArray(listed) ? (listed as Json[]) : []).flatMap((it): CurvePoint[] => {
    const [x, y] = Array.isArray(it) ? (it as Json[]) : [];
    return typeof x === "number" && typeof y === "number" ? [[x, y]] : [];
  });
  const interpolation = isObject(value) && typeof value.interpolation === "string" ? value.interpolation : "monotone_cubic";
  return { points: points.length ? [...points].sort((a, b) => a[0] - b[0]) : STRAIGHT, interpolation };
}

const within = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);
const fine = (value: number) => Math.round(value * 1e4) / 1e4;

/** Moves one point, which stays between its neighbours. */
export function moved(points: readonly CurvePoint[], at: number, [x, y]: CurvePoint): CurvePoint[] {
  const low = at > 0 ? points[at - 1]![0] + 0.001 : 0;
  const high = at + 1 < points.length ? points[at + 1]![0] - 0.001 : 1;
  return points.map((it, i) => (i === at ? [fine(within(x, low, Math.max(low, high))), fine(within(y, 0, 1))] : it));
}

/** The slopes of a monotone cubic curve at its points (Fritsch and Carlson 1980). */
function slopes(points: readonly CurvePoint[]): number[] {
  const rise = points.slice(1).map(([x, y], i) => (y - points[i]![1]) / Math.max(x - points[i]![0], 1e-9));
  return points.map((_, i) => {
    const before = rise[i - 1];
    const after = rise[i];
    if (before === undefined || after === undefined) return before ?? after ?? 0;
    return before * after <= 0 ? 0 : (2 * before * after) / (before + after);
  });
}

/** The curve as a path in a square of 100 by 100, y upwards. */
export function curveLine({ points, interpolation }: Curve): string {
  const at = (x: number, y: number) => `${(x * 100).toFixed(2)} ${(100 - y * 100).toFixed(2)}`;
  const [first, last] = [points[0]!, points.at(-1)!];
  const slope = interpolation === "linear" ? null : slopes(points);
  let path = `M${at(0, first[1])}L${at(...first)}`;
  points.slice(1).forEach(([x, y], i) => {
    const [fx, fy] = points[i]!;
    const third = (x - fx) / 3;
    path += slope ? `C${at(fx + third, fy + slope[i]! * third)} ${at(x - third, y - slope[i + 1]! * third)} ${at(x, y)}` : `L${at(x, y)}`;
  });
  return `${path}L${at(1, last[1])}`;
}
