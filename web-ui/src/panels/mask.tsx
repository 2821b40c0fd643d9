//! The mask of a picture, painted: what is covered is what nodes may change. It is kept as the transparency of a copy of the picture.

import { useEffect, useRef, useState, type PointerEvent as ReactPointerEvent } from "react";
import { create } from "zustand";
import { uploadMask, viewUrl, type FileRef } from "../server/api";
import { refreshCatalog } from "../store/actions";
import { complain } from "../store/notices";
import { Icon } from "../ui/icons";

interface Painted {
  readonly file: FileRef;
  /** Told the name of the copy that holds the mask. */
  readonly done: (name: string) => void;
}

const usePainted = create<{ open: Painted | null }>()(() => ({ open: null }));

export const openMask = (file: FileRef, done: (name: string) => void): void => usePainted.setState({ open: { file, done } });

const close = () => usePainted.setState({ open: null });

/** How many strokes can be taken back, and how many bytes they may need. */
const STEPS = 40;
const BYTES = 256 << 20;
/** Seldom in pictures, so that it is seen on most. */
const COLOUR = "#19e3ff";

export function MaskHost() {
  const open = usePainted((it) => it.open);
  return open && <Mask key={viewUrl(open.file)} {...open} />;
}

function Mask({ file, done }: Painted) {
  const dialog = useRef<HTMLDialogElement>(null);
  const sheet = useRef<HTMLCanvasElement>(null);
  const undone = useRef<ImageData[]>([]);
  const last = useRef<readonly [number, number] | null>(null);
  const [size, setSize] = useState<readonly [number, number] | null>(null);
  const [brush, setBrush] = useState(24);
  const [softness, setSoftness] = useState(20);
  const [erase, setErase] = useState(false);
  const [steps, setSteps] = useState(0);
  const [saving, setSaving] = useState(false);
  useEffect(() => void dialog.current?.showModal(), []);
  // What is transparent already is the mask that one goes on with.
  useEffect(() => {
    const image = new Image();
    image.onload = () => {
      const { naturalWidth: width, naturalHeight: height } = image;
      setSize([width, height]);
      setBrush(Math.max(2, Math.round(Math.min(width, height) / 8)));
      requestAnimationFrame(() => {
        const context = sheet.current?.getContext("2d", { willReadFrequently: true });
        if (!context) return;
        context.drawImage(image, 0, 0);
        repaint(context, (alpha) => 255 - alpha);
      });
    };
    image.onerror = () => complain(new Error(`"${file.filename}" cannot be shown.`));
    image.src = viewUrl(file);
    return () => {
      image.onload = image.onerror = null;
    };
  }, [file]);

  const context = () => sheet.current!.getContext("2d", { willReadFrequently: true })!;
  const keep = () => {
    const { width, height } = sheet.current!;
    const most = Math.max(1, Math.min(STEPS, Math.floor(BYTES / (width * height * 4))));
    undone.current = [...undone.current, context().getImageData(0, 0, width, height)].slice(-most);
    setSteps(undone.current.length);
  };
  const undo = () => {
    const before = undone.current.pop();
    if (before) context().putImageData(before, 0, 0);
    setSteps(undone.current.length);
  };
  const change = (what: (alpha: number) => number) => {
    keep();
    repaint(context(), what);
  };
  const stroke = (event: ReactPointerEvent<HTMLCanvasElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const to = [((event.clientX - box.left) / box.width) * event.currentTarget.width, ((event.clientY - box.top) / box.height) * event.currentTarget.height] as const;
    const from = last.current ?? to;
    const pen = context();
    pen.globalCompositeOperation = erase || (event.buttons & 2) !== 0 ? "destination-out" : "source-over";
    const radius = brush / 2;
    const far = Math.hypot(to[0] - from[0], to[1] - from[1]);
    const dabs = Math.max(1, Math.ceil(far / Math.max(0.5, radius / 4)));
    for (let i = 1; i <= dabs; i++) {
      const [x, y] = [from[0] + ((to[0] - from[0]) * i) / dabs, from[1] + ((to[1] - from[1]) * i) / dabs];
      // A gradient between two circles that are one paints nothing.
      if (softness) {
        const colour = pen.createRadialGradient(x, y, radius * (1 - softness / 100), x, y, radius);
        colour.addColorStop(0, COLOUR);
        colour.addColorStop(1, `${COLOUR}00`);
        pen.fillStyle = colour;
      } else pen.fillStyle = COLOUR;
      pen.beginPath();
      pen.arc(x, y, radius, 0, Math.PI * 2);
      pen.fill();
    }
    pen.globalCompositeOperation = "source-over";
    last.current = to;
  };
  const save = async () => {
    setSaving(true);
    try {
      const { width, height } = sheet.current!;
      const out = new OffscreenCanvas(width, height);
      const pen = out.getContext("2d")!;
      pen.drawImage(sheet.current!, 0, 0);
      repaint(pen, (alpha) => 255 - alpha);
      const name = await uploadMask(await out.convertToBlob({ type: "image/png" }), file);
      await refreshCatalog();
      done(name);
      close();
    } catch (error) {
      complain(error);
      setSaving(false);
    }
  };
  return (
    <dialog
      ref={dialog}
      className="viewer mask"
      aria-label={`Mask of ${file.filename}`}
      onClose={close}
      onKeyDown={(event) => {
        event.stopPropagation();
        if ((event.ctrlKey || event.metaKey) && event.key === "z") undo();
        else if (event.key === "[") setBrush((it) => Math.max(1, Math.round(it / 1.25)));
        else if (event.key === "]") setBrush((it) => Math.min(1000, Math.ceil(it * 1.25)));
        else if (event.key === "e") setErase((it) => !it);
        else return;
        event.preventDefault();
      }}
    >
      <div className="mask-stage">
        {size && (
          <div className="mask-sheet" style={{ aspectRatio: `${size[0]} / ${size[1]}`, width: `min(92vw, calc((100vh - 120px) * ${size[0] / size[1]}))` }}>
            <img src={`${viewUrl(file)}&channel=rgb`} alt={file.filename} draggable={false} />
            <canvas
              ref={sheet}
              width={size[0]}
              height={size[1]}
              role="img"
              aria-label="Mask"
              onContextMenu={(event) => event.preventDefault()}
              onPointerDown={(event) => {
                event.currentTarget.setPointerCapture(event.pointerId);
                keep();
                last.current = null;
                stroke(event);
              }}
              onPointerMove={(event) => event.buttons && stroke(event)}
            />
          </div>
        )}
      </div>
      <footer>
        <div className="mask-tools">
          <button type="button" className="button" aria-pressed={!erase} onClick={() => setErase(false)}>
            Paint
          </button>
          <button type="button" className="button" aria-pressed={erase} title="E, or the right button" onClick={() => setErase(true)}>
            Erase
          </button>
          <label>
            Size
            <input type="range" min={1} max={Math.max(64, ...(size ?? []))} value={brush} onChange={(event) => setBrush(Number(event.target.value))} />
          </label>
          <label>
            Softness
            <input type="range" min={0} max={100} value={softness} onChange={(event) => setSoftness(Number(event.target.value))} />
          </label>
          <button type="button" className="button" onClick={() => change((alpha) => 255 - alpha)}>
            Invert
          </button>
          <button type="button" className="button" onClick={() => change(() => 0)}>
            Clear
          </button>
          <button type="button" className="button" disabled={!steps} title="Ctrl+Z" onClick={undo}>
            Undo
          </button>
        </div>
        <span className="grow" />
        <button type="button" className="button button-main" disabled={!size || saving} onClick={() => void save()}>
          Save the mask
        </button>
        <button type="button" className="icon-button" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </footer>
    </dialog>
  );
}

/** Makes each pixel's cover anew, in one colour. */
function repaint(context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D, cover: (alpha: number) => number): void {
  const { width, height } = context.canvas;
  const image = context.getImageData(0, 0, width, height);
  for (let i = 0; i < image.data.length; i += 4) {
    image.data[i] = 25;
    image.data[i + 1] = 227;
    image.data[i + 2] = 255;
    image.data[i + 3] = cover(image.data[i + 3]!);
  }
  context.putImageData(image, 0, 0);
}
