import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { base64, lookAt, maxBackup, restoreBackup } from "../../api/backup";
import { useAct } from "../../api/queries";
import type { Restore } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { Confirm } from "../../ui/Confirm";
import { FileField, SecretField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { InBackup, Missing } from "./InBackup";

/** RestoreCard puts what is in a backup in place of everything, after it has shown what that is. */
export function RestoreCard() {
  const [file, setFile] = useState("");
  const [passphrase, setPassphrase] = useState("");
  const [found, setFound] = useState<Restore>();
  const [done, setDone] = useState<Restore>();
  const [asking, setAsking] = useState(false);
  const choose = useMutation({
    mutationFn: async (chosen: File | undefined) => {
      setFile("");
      setFound(undefined);
      setDone(undefined);
      setPassphrase("");
      open.reset();
      if (!chosen) return;
      if (chosen.size > maxBackup) throw new Error("This file is longer than 3 MiB; no backup is.");
      const text = await base64(chosen);
      setFound(await lookAt(text, ""));
      setFile(text);
    },
  });
  const open = useMutation({ mutationFn: async () => setFound(await lookAt(file, passphrase)) });
  const put = useAct(async () => {
    const now = await restoreBackup(file, passphrase);
    setAsking(false);
    setFound(undefined);
    setPassphrase("");
    setDone(now);
  });
  return (
    <Card title="Restore a backup">
      <div className="flex flex-col gap-4">
        <FileField
          label="Backup file"
          accept=".mcpmux"
          onChange={(f) => choose.mutate(f)}
          help="Nothing changes before you have seen what is in it."
          error={choose.error?.message}
        />
        {choose.isPending && <p className="text-sm text-muted">Looking into it …</p>}
        {found && <InBackup backup={found} />}
        {found?.sealed && !found.opened && (
          <form
            className="flex max-w-sm flex-col gap-3"
            onSubmit={(e) => {
              e.preventDefault();
              open.mutate();
            }}
          >
            <SecretField
              label="Its passphrase"
              value={passphrase}
              onChange={setPassphrase}
              autoComplete="current-password"
              error={open.error?.message}
            />
            <Button type="submit" className="self-start" disabled={open.isPending || !passphrase}>
              {open.isPending ? "Opening …" : "Open the backup"}
            </Button>
          </form>
        )}
        {found?.opened && (
          <Button look="danger" className="self-start" onClick={() => setAsking(true)}>
            Restore this backup
          </Button>
        )}
        {done && <Done restored={done} />}
      </div>
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title="Restore this backup?"
        action="Replace everything"
        type="restore"
        busy={put.isPending}
        error={put.error}
        onConfirm={() => put.mutate()}
      >
        <p>
          It replaces all Spaces, servers, FeatureSets, clients and settings that are set up now. Applications that are not in it lose their
          access.
        </p>
        <p>A backup of what is there now is kept in the data folder first.</p>
      </Confirm>
    </Card>
  );
}

function Done({ restored: r }: { restored: Restore }) {
  return (
    <Notice tone="info">
      <div className="flex flex-col gap-2">
        <p>The backup is restored.</p>
        <Missing values={r.missing} />
        <p className="break-all">What was there before is in {r.undo}; choose that file here to have it back.</p>
      </div>
    </Notice>
  );
}
