//! The icons, drawn on 16 by 16 units in the colour of the text.

import type { ReactNode } from "react";

const PATHS = {
  play: <path d="M4.5 2.8v10.4a.6.6 0 0 0 .9.5l8.3-5.2a.6.6 0 0 0 0-1L5.4 2.3a.6.6 0 0 0-.9.5Z" fill="currentColor" stroke="none" />,
  stop: <rect x="3.5" y="3.5" width="9" height="9" rx="1.5" fill="currentColor" stroke="none" />,
  nodes: <path d="M2.5 3.5h4v3h-4zM9.5 9.5h4v3h-4zM6.5 5h2a1 1 0 0 1 1 1v3.5a1.5 1.5 0 0 0 0 1.5" />,
  folder: <path d="M2 4.5a1 1 0 0 1 1-1h3l1.5 1.5H13a1 1 0 0 1 1 1v5.5a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1z" />,
  box: <path d="m8 1.8 5.5 3v6.4L8 14.2l-5.5-3V4.800zM2.500 4.800 8 7.800l5.500-3M8 7.800v6.400" />,
  grid: <path d="M2.500 2.500h4.500v4.500h-4.500zM9 2.500h4.500v4.500H9zM2.500 9h4.500v4.500h-4.500zM9 9h4.500v4.500H9z" />,
  picture: <path d="M2.500 3h11v10h-11zM2.500 11l3.500-3.500 3 3 2-2 2.500 2.500M10.500 6v.1" />,
  clock: <path d="M8 4.500V8l2.500 1.500M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z" />,
  warn: <path d="M8 6v3.500M8 11.700v.1M7.100 2.500 1.700 12a1 1 0 0 0 .9 1.500h10.800a1 1 0 0 0 .9-1.500L8.900 2.500a1 1 0 0 0-1.800 0Z" />,
  info: <path d="M8 7.500V11M8 5v.1M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z" />,
  gear: <path d="M8 10.200a2.200 2.200 0 1 0 0-4.400 2.200 2.200 0 0 0 0 4.400ZM8 1.800v1.700M8 12.500v1.700M3.600 3.600l1.200 1.200M11.200 11.200l1.200 1.200M1.800 8h1.700M12.500 8h1.700M3.600 12.400l1.200-1.200M11.200 4.800l1.200-1.200" />,
  terminal: <path d="m3 5 3 3-3 3M8 11.500h5" />,
  close: <path d="m4 4 8 8M12 4l-8 8" />,
  plus: <path d="M8 3v10M3 8h10" />,
  search: <path d="m10.200 10.200 3.300 3.300M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9Z" />,
  chevron: <path d="m5 6.500 3 3 3-3" />,
  right: <path d="m6.500 5 3 3-3 3" />,
  star: <path d="m8 2 1.800 3.800 4.200.5-3.100 2.900.8 4.100L8 11.300l-3.700 2 .8-4.100L2 6.300l4.200-.5z" />,
  trash: <path d="M3 4.500h10M6.500 4.500V3h3v1.500M4.500 4.500l.5 8.500h6l.5-8.500" />,
  open: <path d="M9 2.500h4.500V7M13.500 2.500 8 8M11.500 9.500v3.500h-8.500V4.500H6.500" />,
  save: <path d="M3 2.500h8L13.500 5v8.500H2.500V3zM5 13V9h6v4M5.500 2.500V5H10V2.500" />,
  undo: <path d="M5.500 3.500 2.500 6.500l3 3M2.500 6.500h7a4 4 0 0 1 0 8H8" transform="translate(0 -1)" />,
  redo: <path d="m10.500 3.500 3 3-3 3M13.500 6.500h-7a4 4 0 0 0 0 8H8" transform="translate(0 -1)" />,
  fit: <path d="M2.500 6V2.500H6M10 2.500h3.500V6M13.500 10v3.500H10M6 13.500H2.500V10" />,
  lock: <path d="M4 7.500h8v6H4zM5.500 7.500V5a2.500 2.500 0 0 1 5 0v2.500" />,
  map: <path d="M2.500 3.500 6 2.500l4 1 3.500-1v10L10 13.500l-4-1-3.500 1zM6 2.500v10M10 3.500v10" />,
  menu: <path d="M2.500 4.500h11M2.500 8h11M2.500 11.500h11" />,
  upload: <path d="M8 10.500V3M5 5.500 8 2.500l3 3M2.500 10.500v3h11v-3" />,
  download: <path d="M8 2.500V10M5 7.500l3 3 3-3M2.500 10.500v3h11v-3" />,
  dice: <path d="M3 3h10v10H3zM6 6v.1M10 6v.1M8 8v.1M6 10v.1M10 10v.1" />,
  pin: <path d="M6 2.500h4l-.5 4 2 2v1h-7v-1l2-2zM8 9.500v4.500" />,
  more: <path d="M3.500 8v.1M8 8v.1M12.500 8v.1" strokeWidth="2.200" />,
  layers: <path d="m8 2.500 6 3-6 3-6-3zM2 8.500l6 3 6-3M2 11.200l6 3 6-3" />,
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.3" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      {PATHS[name]}
    </svg>
  );
}
