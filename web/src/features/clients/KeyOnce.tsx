import { useStatus } from "../../api/queries";
import { Button } from "../../ui/Button";
import { CopyButton } from "../../ui/CopyButton";
import { Dialog } from "../../ui/Dialog";
import { Text } from "../../ui/Json";
import { Notice } from "../../ui/Notice";

/** KeyOnce shows a new access key, this once, and how to use it. */
export function KeyOnce({ secret, client, onClose }: { secret: string; client: string; onClose: () => void }) {
  const url = useStatus().data?.mcp_url ?? "";
  const config = JSON.stringify({ mcpServers: { mcpmux: { url, headers: { Authorization: `Bearer ${secret}` } } } }, null, 2);
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={`The access key of ${client}`}
      footer={
        <Button look="primary" onClick={onClose}>
          I have it
        </Button>
      }
    >
      <div className="flex flex-col gap-4">
        <Notice tone="warn">Copy it now: McpMux keeps only a hash of it, and cannot show it again.</Notice>
        <p className="flex flex-wrap items-center gap-3">
          <code>{secret}</code>
          <CopyButton text={secret} label="Copy the key" />
        </p>
        <div>
          <div className="mb-2 flex flex-wrap items-center gap-3">
            <p className="mr-auto text-sm font-medium">For applications that keep their servers as mcpServers in JSON</p>
            <CopyButton text={config} label="Copy the configuration" />
          </div>
          <Text text={config} label="The configuration" />
        </div>
      </div>
    </Dialog>
  );
}
