// A file's size in the reader's language: “1.5 MB”.

export function fileSize(bytes) {
  const [unit, size] =
    bytes >= 1_000_000 ? ["megabyte", 1_000_000] : bytes >= 1000 ? ["kilobyte", 1000] : ["byte", 1];
  const options = {
    style: "unit",
    unit,
    unitDisplay: bytes < 1000 ? "long" : "short",
    maximumFractionDigits: bytes >= 1_000_000 ? 1 : 0,
  };
  return new Intl.NumberFormat(undefined, options).format(bytes / size);
}
