import { useState } from "react";
import { useAct } from "../../api/queries";
import { rekeySecrets } from "../../api/settings";
import { Button } from "../../ui/Button";
import { SecretField, SelectField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { useToast } from "../../ui/Toast";

/** Rekey replaces the master key by a new one, and everything that is stored is sealed with that. */
export function Rekey() {
  const [to, setTo] = useState("");
  const [passphrase, setPassphrase] = useState("");
  const [again, setAgain] = useState("");
  const toast = useToast();
  const rekey = useAct(async () => {
    await rekeySecrets(to, to === "passphrase" ? passphrase : "");
    setPassphrase("");
    setAgain("");
    toast({ text: "The key is replaced; everything stored is sealed with the new one." });
  });
  const differ = to === "passphrase" && passphrase !== again;
  return (
    <form
      className="flex max-w-sm flex-col gap-3"
      onSubmit={(e) => {
        e.preventDefault();
        if (!differ) rekey.mutate();
      }}
    >
      <SelectField
        label="Where the new key is kept"
        value={to}
        onChange={setTo}
        options={[
          { value: "", text: "where it is now" },
          { value: "keychain", text: "the keychain of this system" },
          { value: "passphrase", text: "nowhere: made of a passphrase" },
          { value: "keyfile", text: "a file in the data folder (weak)" },
        ]}
      />
      {to === "passphrase" && (
        <>
          <SecretField
            label="New passphrase"
            value={passphrase}
            onChange={setPassphrase}
            help="It is asked for after each start. Nobody can find it again for you."
          />
          <SecretField
            label="The same again"
            value={again}
            onChange={setAgain}
            error={differ && again ? "These are not the same." : undefined}
          />
        </>
      )}
      {rekey.error && <Notice tone="bad">{rekey.error.message}</Notice>}
      <Button type="submit" className="self-start" disabled={rekey.isPending || differ || (to === "passphrase" && !passphrase)}>
        {rekey.isPending ? "Replacing …" : "Replace the key"}
      </Button>
    </form>
  );
}
