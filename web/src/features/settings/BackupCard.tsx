import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { makeBackup } from "../../api/backup";
import { save } from "../../save";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { CheckField, SecretField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { plural } from "../../ui/plural";
import { useToast } from "../../ui/Toast";

/** BackupCard saves everything that is set up as one file, its secrets sealed with a passphrase. */
export function BackupCard() {
  const [secrets, setSecrets] = useState(true);
  const [logins, setLogins] = useState(true);
  const [keys, setKeys] = useState(true);
  const [passphrase, setPassphrase] = useState("");
  const [again, setAgain] = useState("");
  const toast = useToast();
  const make = useMutation({
    mutationFn: () => {
      const out = [!logins && "logins", !keys && "keys"].filter((w) => w !== false);
      return makeBackup({ ...(secrets && { passphrase }), leave_out: secrets ? out : out.filter((w) => w === "keys") });
    },
    onSuccess: ({ name, file, lacks }) => {
      save(name, file);
      setPassphrase("");
      setAgain("");
      toast({ text: `Saved as ${name}.${lacks > 0 ? ` ${plural(lacks, "stored value")} cannot be opened, and not in it.` : ""}` });
    },
  });
  const differ = secrets && passphrase !== again;
  return (
    <Card title="Make a backup">
      <form
        className="flex flex-col gap-4"
        onSubmit={(e) => {
          e.preventDefault();
          if (!differ) make.mutate();
        }}
      >
        <p className="text-sm text-muted">
          One file with your Spaces, servers, FeatureSets, clients and settings. What Servers offer and the record of requests are not in
          it.
        </p>
        <div className="flex flex-col gap-2">
          <CheckField
            label="Secrets, sealed with a passphrase"
            checked={secrets}
            onChange={setSecrets}
            help={
              secrets
                ? undefined
                : "The file has no secrets, and nothing that may be one: environments and headers. Once it is restored, servers ask for them."
            }
          />
          {secrets && <CheckField label="Logins to servers" checked={logins} onChange={setLogins} />}
          <CheckField
            label="Access keys, as hashes"
            checked={keys}
            onChange={setKeys}
            help="With them, applications go on with the keys that they have."
          />
        </div>
        {secrets && (
          <div className="flex max-w-sm flex-col gap-3">
            <SecretField
              label="Passphrase of the backup"
              value={passphrase}
              onChange={setPassphrase}
              help="At least 8 characters. Nobody can find it again for you."
            />
            <SecretField
              label="The same again"
              value={again}
              onChange={setAgain}
              error={differ && again ? "These are not the same." : undefined}
            />
          </div>
        )}
        {make.error && <Notice tone="bad">{make.error.message}</Notice>}
        <Button type="submit" look="primary" className="self-start" disabled={make.isPending || differ || (secrets && !passphrase)}>
          {make.isPending ? "Making it …" : "Make a backup"}
        </Button>
      </form>
    </Card>
  );
}
