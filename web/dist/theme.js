// Before the first paint: the theme that was chosen in this browser, where one was. See src/theme.ts.
try {
  const theme = localStorage.getItem("mcpmux-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Nothing may be stored here; the system's theme it is.
}
