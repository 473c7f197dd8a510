import { ask, pathOf, post } from "./client";
import type { NewBackup, Restore } from "./types.gen";

/** maxBackup is how long a backup can be, in bytes. */
export const maxBackup = 3 * 1024 * 1024;

/** makeBackup makes a file of everything that is set up; lacks counts what could not be opened and is not in it. */
export async function makeBackup(n: NewBackup): Promise<{ name: string; file: Blob; lacks: number }> {
  const answer = await ask(pathOf(["backup"]), {
    method: "POST",
    body: JSON.stringify(n),
    headers: { "Content-Type": "application/json" },
  });
  const name = answer.headers.get("Content-Disposition")?.match(/filename="([^"]+)"/)?.[1] ?? "mcpmux.mcpmux";
  return { name, file: await answer.blob(), lacks: Number(answer.headers.get("Mcpmux-Lacks")) };
}

/** lookAt says what is in a file, which is base64; without its passphrase that is little. */
export const lookAt = (file: string, passphrase: string) => restore({ file, passphrase, dry_run: true });

/** restoreBackup puts what is in it in place of everything that is set up. */
export const restoreBackup = (file: string, passphrase: string) => restore({ file, passphrase, dry_run: false });

const restore = ({ file, passphrase, dry_run }: { file: string; passphrase: string; dry_run: boolean }) =>
  post<Restore>(["restore"], { file, ...(passphrase && { passphrase }), dry_run });

/** base64 reads a file. */
export function base64(file: File): Promise<string> {
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(String(reader.result).replace(/^[^,]*,/, ""));
    reader.onerror = () => fail(new Error("The file cannot be read."));
    reader.readAsDataURL(file);
  });
}
