import { SelectField } from "../../ui/Field";

const lives = [
  { value: "", text: "Until I take it back" },
  { value: "24h", text: "For a day" },
  { value: "168h", text: "For a week" },
  { value: "720h", text: "For 30 days" },
  { value: "2160h", text: "For 90 days" },
];

/** Life is how long an application may come back without asking. */
export function Life({ value, onChange }: { value: string; onChange: (v: string) => void }) {
  return (
    <SelectField
      label="How long"
      value={value}
      options={lives}
      onChange={onChange}
      help="After that it has to ask again; after 180 days in any case."
    />
  );
}
