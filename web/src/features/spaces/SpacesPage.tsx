import { Plus } from "lucide-react";
import { useState } from "react";
import { useSpaces } from "../../api/queries";
import { Button } from "../../ui/Button";
import { Notice } from "../../ui/Notice";
import { PageTitle } from "../../ui/PageTitle";
import { useTitle } from "../../ui/useTitle";
import { SpaceCard } from "./SpaceCard";
import { SpaceDialog } from "./SpaceDialog";

/** SpacesPage has all Spaces. Which one is active is what the clients that follow see. */
export function SpacesPage() {
  useTitle("Spaces");
  const { data: spaces, error } = useSpaces();
  const [making, setMaking] = useState(false);
  return (
    <>
      <div className="flex flex-wrap items-center gap-3">
        <div className="mr-auto">
          <PageTitle>Spaces</PageTitle>
        </div>
        <Button look="primary" onClick={() => setMaking(true)}>
          <Plus aria-hidden className="size-4" />
          New Space
        </Button>
      </div>
      <p className="max-w-2xl text-sm text-muted">
        A Space keeps servers, their secrets and logins, and FeatureSets apart from those of every other: work from home, one project from
        another. Clients that follow the active Space move with it.
      </p>
      {error && <Notice tone="bad">{error.message}</Notice>}
      {!spaces && !error && <p className="text-muted">Looking up the Spaces …</p>}
      <ul className="grid grid-cols-1 gap-4 sm:grid-cols-2 xl:grid-cols-3">
        {spaces?.map((s) => (
          <li key={s.id}>
            <SpaceCard space={s} />
          </li>
        ))}
      </ul>
      {making && <SpaceDialog onClose={() => setMaking(false)} />}
    </>
  );
}
