//! What was open when the browser was closed, kept in the browser's database.

const NAME = "burnish";
const STORE = "session";

function database(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser's database cannot be opened"));
  });
}

async function within<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const db = await database();
  try {
    return await new Promise((resolve, reject) => {
      const request = work(db.transaction(STORE, mode).objectStore(STORE));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error ?? new Error("the browser's database refused"));
    });
  } finally {
    db.close();
  }
}

export const keepSession = (text: string): Promise<unknown> => within("readwrite", (store) => store.put(text, "tabs"));

export const keptSession = async (): Promise<string | null> => {
  const kept: unknown = await within("readonly", (store) => store.get("tabs"));
  return typeof kept === "string" ? kept : null;
};
