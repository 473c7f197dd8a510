/** save keeps a file in the browser's folder for downloads. */
export function save(name: string, file: Blob) {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(file);
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 60_000); // a large one is copied for a while
}
