import { Link } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";
import { useFeatureSets } from "../../api/queries";
import type { FeatureSet } from "../../api/types.gen";
import { useParam } from "../../param";
import { kindWords, selects, titleOf } from "../../sets";
import { useSpace } from "../../space";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Empty } from "../../ui/Empty";
import { Notice } from "../../ui/Notice";
import { PageTitle } from "../../ui/PageTitle";
import { plural } from "../../ui/plural";
import { SearchBox } from "../../ui/SearchBox";
import { useTitle } from "../../ui/useTitle";
import { VirtualList } from "../../ui/VirtualList";
import { SetDialog } from "./SetDialog";

const order = ["custom", "default", "all", "server_all"];

/** FeatureSetsPage has the FeatureSets of the Space, those first that people made. */
export function FeatureSetsPage() {
  useTitle("FeatureSets");
  const space = useSpace();
  const { data, error } = useFeatureSets(space?.id ?? "");
  const [making, setMaking] = useState(false);
  const [search, setSearch] = useParam("q");
  const needle = search.toLowerCase();
  const sets = data?.toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
  const shown = sets?.filter((s) => `${titleOf(s)} ${s.granted_to.join(" ")}`.toLowerCase().includes(needle));
  return (
    <>
      <div className="flex flex-wrap items-center gap-3">
        <div className="mr-auto">
          <PageTitle>FeatureSets</PageTitle>
        </div>
        <Button look="primary" onClick={() => setMaking(true)} disabled={!space}>
          <Plus aria-hidden className="size-4" />
          New FeatureSet
        </Button>
      </div>
      <p className="max-w-2xl text-sm text-muted">
        A FeatureSet is a named selection of what the servers of a Space offer. Grant one to a client, and that is what it sees. What a set
        excludes is hidden, whatever else the client was granted.
      </p>
      {error && <Notice tone="bad">{error.message}</Notice>}
      {!sets && !error && <p className="text-muted">Looking up the FeatureSets …</p>}
      {sets && (
        <>
          <div className="flex">
            <SearchBox label="Search FeatureSets and who has them" value={search} onChange={setSearch} />
          </div>
          {!sets.some((s) => s.kind === "custom") && (
            <Empty title={`No FeatureSets of your own in ${space?.name ?? "this Space"}`}>
              <p>Make one to give a client less than everything: only what reads, or one server without what deletes.</p>
            </Empty>
          )}
          <VirtualList
            label="The FeatureSets"
            items={shown ?? []}
            keyOf={(s) => s.id}
            estimate={84}
            height="calc(100dvh - 18rem)"
            render={(s) => <Line set={s} />}
          />
          {shown?.length === 0 && <p className="text-sm text-muted">No FeatureSet is called so.</p>}
        </>
      )}
      {making && space && <SetDialog space={space.id} onClose={() => setMaking(false)} />}
    </>
  );
}

function Line({ set: s }: { set: FeatureSet }) {
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-1 py-3 text-sm">
      <Link to="/featuresets/$name" params={{ name: s.name }} className="font-medium break-words hover:underline">
        <bdi>{titleOf(s)}</bdi>
      </Link>
      <Badge tone="quiet">{kindWords[s.kind]}</Badge>
      <span className="ml-auto text-muted">{selects(s.resolves)}</span>
      <p className="w-full text-xs break-words text-muted">
        {s.kind !== "all" && s.kind !== "server_all" && `${plural(s.members.length, "member")} · `}
        {s.kind === "default"
          ? "every client of the Space has it"
          : s.granted_to.length > 0
            ? `granted to ${s.granted_to.join(", ")}`
            : "granted to nobody"}
        {s.member_of.length > 0 && ` · part of ${s.member_of.join(", ")}`}
      </p>
    </div>
  );
}
