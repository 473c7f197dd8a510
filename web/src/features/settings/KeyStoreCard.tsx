import { useState } from "react";
import { useAct, useStatus } from "../../api/queries";
import { lockSecrets, unlockSecrets } from "../../api/settings";
import type { Secrets } from "../../api/types.gen";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { Disclosure } from "../../ui/Disclosure";
import { SecretField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { Rekey } from "./Rekey";

const places: Record<string, string> = {
  keychain: "the keychain of this system",
  credential: "a credential folder that the system gave",
  file: "a file that MCPMUX_MASTER_KEY_FILE names",
  passphrase: "nowhere: it is made of your passphrase",
  keyfile: "a file in the data folder",
  "": "nowhere yet: nothing is stored",
};

/** KeyStoreCard says where the master key is that stored values are sealed with, and locks, unlocks and replaces it. */
export function KeyStoreCard() {
  const { data: status, error } = useStatus();
  const s = status?.secrets;
  if (!s) return error ? <Notice tone="bad">{error.message}</Notice> : <p className="text-muted">Looking at the key store …</p>;
  const locked = s.state === "locked";
  return (
    <Card title="Key store" aside={<Badge tone={locked ? "warn" : "good"}>{locked ? "locked" : "unlocked"}</Badge>}>
      <div className="flex flex-col gap-4">
        <p className="text-sm">
          The key to what is stored is in {places[s.source] ?? s.source}. It seals {s.sealed} {s.sealed === 1 ? "value" : "values"}.
        </p>
        {s.warning && <Notice tone="warn">{s.warning}</Notice>}
        {s.reason && <Notice tone="warn">{s.reason}</Notice>}
        <Lock secrets={s} />
        {!locked && (
          <Disclosure title="Replace the key">
            <Rekey />
          </Disclosure>
        )}
      </div>
    </Card>
  );
}

function Lock({ secrets: s }: { secrets: Secrets }) {
  const [passphrase, setPassphrase] = useState("");
  const unlock = useAct(async () => {
    await unlockSecrets(passphrase);
    setPassphrase("");
  });
  const lock = useAct(lockSecrets);
  const problem = unlock.error ?? lock.error;
  return (
    <form
      className="flex flex-col gap-3"
      onSubmit={(e) => {
        e.preventDefault();
        unlock.mutate();
      }}
    >
      {problem && <Notice tone="bad">{problem.message}</Notice>}
      {s.state === "locked" ? (
        <>
          {s.source === "passphrase" && (
            <div className="max-w-sm">
              <SecretField label="Passphrase" value={passphrase} onChange={setPassphrase} autoComplete="current-password" />
            </div>
          )}
          <Button type="submit" look="primary" className="self-start" disabled={unlock.isPending}>
            {unlock.isPending ? "Unlocking …" : "Unlock"}
          </Button>
        </>
      ) : (
        <div className="flex flex-wrap items-center gap-3">
          <Button onClick={() => lock.mutate()} disabled={lock.isPending || s.source === ""}>
            Lock
          </Button>
          <span className="text-xs text-muted">Locked, servers that need a stored value are closed until it is unlocked.</span>
        </div>
      )}
    </form>
  );
}
