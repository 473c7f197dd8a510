import { setTheme, type Theme, themes, useTheme } from "../../theme";
import { Card } from "../../ui/Card";

const words: Record<Theme, string> = { system: "As the system", light: "Light", dark: "Dark" };

/** ThemeCard chooses how the page looks in this browser. */
export function ThemeCard() {
  const theme = useTheme();
  return (
    <Card title="Theme">
      <fieldset className="flex flex-col gap-3">
        <legend className="sr-only">Theme of this browser</legend>
        {themes.map((t) => (
          <label key={t} className="flex items-center gap-2 text-sm">
            <input type="radio" name="theme" checked={theme === t} onChange={() => setTheme(t)} />
            {words[t]}
          </label>
        ))}
      </fieldset>
    </Card>
  );
}
