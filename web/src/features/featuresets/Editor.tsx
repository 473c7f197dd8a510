import { useBlocker } from "@tanstack/react-router";
import { setMembers, usePreview } from "../../api/featuresets";
import { useAct } from "../../api/queries";
import type { FeatureSet, MemberList } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { Confirm } from "../../ui/Confirm";
import { Notice } from "../../ui/Notice";
import { useToast } from "../../ui/Toast";
import { AddMember } from "./AddMember";
import { Outcome } from "./Outcome";
import { Tree } from "./Tree";
import { type Draft, useDraft } from "./useDraft";

/** Editor changes what is in a set. Nothing counts until it is saved, and then all of it at once. */
export function Editor({ set }: { set: FeatureSet }) {
  const draft = useDraft(set);
  const { preview, fresh, error } = usePreview(set, draft.list);
  if (!preview)
    return error ? <Notice tone="bad">{error.message}</Notice> : <p className="text-muted">Looking up what there is to choose from …</p>;
  return (
    <>
      {draft.moved && <Notice tone="warn">The set was changed elsewhere meanwhile. Saving replaces that; Discard shows it.</Notice>}
      {error && <Notice tone="bad">{error.message}</Notice>}
      <div className="grid items-start gap-6 lg:grid-cols-[minmax(0,1fr)_20rem]">
        <Card title="What is in it">
          <div className="flex flex-col gap-5">
            <AddMember set={set} draft={draft} />
            <Tree set={set} preview={preview} draft={draft} />
          </div>
        </Card>
        <div className="lg:sticky lg:top-6 lg:max-h-[calc(100dvh-7rem)] lg:overflow-y-auto">
          <Outcome preview={preview} fresh={fresh} />
        </div>
      </div>
      <SaveBar set={set} draft={draft} refused={error !== null} />
      <Leaving dirty={draft.dirty} />
    </>
  );
}

function SaveBar({ set, draft, refused }: { set: FeatureSet; draft: Draft; refused: boolean }) {
  const toast = useToast();
  const save = useAct((list: MemberList) => setMembers(set, list));
  const before = { include: set.include, exclude: set.exclude };
  return (
    <div className="sticky bottom-0 -mx-4 flex flex-wrap items-center gap-3 border-t border-line bg-canvas px-4 py-3 sm:-mx-8 sm:px-8">
      <p role="status" className="mr-auto text-sm text-muted">
        {draft.dirty ? "Changed, and not saved yet." : "Everything is saved."}
      </p>
      {save.error && <Notice tone="bad">{save.error.message}</Notice>}
      <Button disabled={!draft.dirty || save.isPending} onClick={draft.discard}>
        Discard
      </Button>
      <Button
        look="primary"
        disabled={!draft.dirty || save.isPending || refused}
        onClick={() =>
          save.mutate(draft.list, {
            onSuccess: () => {
              draft.discard();
              toast({ text: `${set.name} is saved.`, undo: () => save.mutate(before) });
            },
          })
        }
      >
        {save.isPending ? "Saving …" : "Save"}
      </Button>
    </div>
  );
}

/** Leaving asks before what was not saved is lost. */
function Leaving({ dirty }: { dirty: boolean }) {
  const { proceed, reset, status } = useBlocker({
    shouldBlockFn: ({ current, next }) => dirty && current.pathname !== next.pathname,
    enableBeforeUnload: dirty,
    withResolver: true,
  });
  return (
    <Confirm
      open={status === "blocked"}
      onOpenChange={(open) => !open && reset?.()}
      title="Leave without saving?"
      action="Leave"
      onConfirm={() => proceed?.()}
    >
      <p>What you changed in this set is lost.</p>
    </Confirm>
  );
}
