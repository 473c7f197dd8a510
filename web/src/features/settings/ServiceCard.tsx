import { useAct } from "../../api/queries";
import { installService, removeService, useService } from "../../api/settings";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { SwitchField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { useToast } from "../../ui/Toast";

/** ServiceCard has the system start McpMux when its user logs in. */
export function ServiceCard() {
  const { data: s, error } = useService();
  const toast = useToast();
  const turn = useAct(async (on: boolean) => {
    await (on ? installService() : removeService());
    toast({ text: on ? "McpMux is started when you log in." : "McpMux is not started at login any more.", undo: () => turn.mutate(!on) });
  });
  return (
    <Card title="Start at login">
      {error && <Notice tone="bad">{error.message}</Notice>}
      {s && (
        <div className="flex flex-col gap-3">
          <SwitchField
            label="Start McpMux when you log in to this machine"
            checked={s.installed}
            disabled={turn.isPending}
            onChange={turn.mutate}
            help={`The file ${s.path} says so to the system.`}
          />
          {s.installed && !s.current && (
            <Notice tone="warn">
              <div className="flex flex-wrap items-center gap-3">
                <span className="mr-auto">What is started at login is not the program that runs now, or not in the same way.</span>
                <Button onClick={() => turn.mutate(true)} disabled={turn.isPending}>
                  Start this one
                </Button>
              </div>
            </Notice>
          )}
          {turn.error && <Notice tone="bad">{turn.error.message}</Notice>}
        </div>
      )}
    </Card>
  );
}
