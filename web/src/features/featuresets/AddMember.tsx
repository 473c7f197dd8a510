import { useState } from "react";
import { previewSet } from "../../api/featuresets";
import type { FeatureSet } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { TextField } from "../../ui/Field";
import type { Draft } from "./useDraft";

/** AddMember takes a member as text: for patterns, and for what is not there now. What is no member is refused at once. */
export function AddMember({ set, draft }: { set: FeatureSet; draft: Draft }) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const add = async (side: "include" | "exclude") => {
    const member = text.trim();
    if (!member || busy) return;
    setBusy(true);
    try {
      const { include, exclude } = draft.list;
      const others = { include: include.filter((m) => m !== member), exclude: exclude.filter((m) => m !== member) };
      await previewSet(set, { ...others, [side]: [...others[side], member] });
      draft.put(member, side);
      setText("");
      setProblem("");
    } catch (err) {
      setProblem(err instanceof Error ? err.message : String(err));
    }
    setBusy(false);
  };
  return (
    <form
      className="flex flex-wrap items-start gap-3"
      onSubmit={(e) => {
        e.preventDefault();
        void add("include");
      }}
    >
      <div className="min-w-48 grow basis-48">
        <TextField
          mono
          label="Add by text"
          value={text}
          onChange={setText}
          placeholder="tool:github/get_*"
          error={problem || undefined}
          help="server:ALIAS, set:NAME, or tool, prompt, resource or template as KIND:ALIAS/NAME. * and ? stand for anything."
        />
      </div>
      <div className="flex gap-2 sm:pt-6">
        <Button type="submit" disabled={busy || !text.trim()}>
          Include it
        </Button>
        <Button disabled={busy || !text.trim()} onClick={() => void add("exclude")}>
          Exclude it
        </Button>
      </div>
    </form>
  );
}
