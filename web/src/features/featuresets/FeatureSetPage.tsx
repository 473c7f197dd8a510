import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useFeatureSet } from "../../api/featuresets";
import type { FeatureSet } from "../../api/types.gen";
import { kindWords, selects, titleOf } from "../../sets";
import { useSpace } from "../../space";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { Menu } from "../../ui/Menu";
import { Notice } from "../../ui/Notice";
import { PageTitle } from "../../ui/PageTitle";
import { useTitle } from "../../ui/useTitle";
import { DeleteSet } from "./DeleteSet";
import { Editor } from "./Editor";
import { SetDialog } from "./SetDialog";

/** FeatureSetPage is everything about one FeatureSet of the Space. */
export function FeatureSetPage({ name }: { name: string }) {
  useTitle(name);
  const space = useSpace();
  const { data: set, error } = useFeatureSet(space?.id, name);
  if (set)
    return (
      <>
        <Head set={set} />
        {set.kind === "all" || set.kind === "server_all" ? <Computed set={set} /> : <Editor key={set.id} set={set} />}
      </>
    );
  return (
    <>
      <PageTitle>{name}</PageTitle>
      {error ? (
        <Notice tone="bad">
          {error.message}.{" "}
          <Link to="/featuresets" className="underline">
            All FeatureSets
          </Link>
        </Notice>
      ) : (
        <p className="text-muted">Looking up the FeatureSet …</p>
      )}
    </>
  );
}

function Head({ set: s }: { set: FeatureSet }) {
  const [open, setOpen] = useState<"" | "rename" | "delete">("");
  const navigate = useNavigate();
  return (
    <div>
      <div className="flex flex-wrap items-center gap-3">
        <PageTitle>
          <bdi>{titleOf(s)}</bdi>
        </PageTitle>
        <span className="mr-auto">
          <Badge tone="quiet">{kindWords[s.kind]}</Badge>
        </span>
        <Menu
          label={`More about ${s.name}`}
          items={[
            { text: "Rename …", onSelect: () => setOpen("rename"), disabled: s.kind !== "custom" },
            { text: "Delete …", onSelect: () => setOpen("delete"), danger: true, disabled: s.kind !== "custom" },
            { text: "All FeatureSets", onSelect: () => void navigate({ to: "/featuresets" }) },
          ]}
        />
      </div>
      <p className="mt-1 text-sm text-muted">
        {selects(s.resolves)}
        {s.kind === "default" ? " · every client of the Space has it" : ` · ${granted(s)}`}
        {s.member_of.length > 0 && ` · part of ${s.member_of.join(", ")}`}
      </p>
      {open === "rename" && <SetDialog space={s.space_id} set={s} onClose={() => setOpen("")} />}
      <DeleteSet set={s} open={open === "delete"} onOpenChange={(v) => setOpen(v ? "delete" : "")} />
    </div>
  );
}

const granted = (s: FeatureSet) => (s.granted_to.length > 0 ? `granted to ${s.granted_to.join(", ")}` : "granted to nobody");

/** Computed is a set whose content follows from the servers. */
function Computed({ set: s }: { set: FeatureSet }) {
  return (
    <Card title="What is in it">
      <p className="text-sm">
        {s.kind === "all" ? `Everything that the servers of ${s.space} offer` : `Everything that ${s.server} offers`}, now and later. There
        is nothing to choose: to leave something out, grant a FeatureSet of your own, or exclude it in one that is granted as well.
      </p>
      {s.server && (
        <p className="mt-3 text-sm">
          <Link
            to="/servers/$alias"
            params={{ alias: s.server }}
            search={(q) => ({ space: q.space, tab: "features" })}
            className="text-accent underline"
          >
            What {s.server} offers
          </Link>
        </p>
      )}
    </Card>
  );
}
