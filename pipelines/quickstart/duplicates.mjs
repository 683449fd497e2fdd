// Finds packages that are there in more than one version; the stage `duplicates` of quickstart.toml calls it.

export default function duplicates({ packages }) {
  const versions = new Map();
  for (const { name, version } of packages) versions.set(name, (versions.get(name) ?? new Set()).add(version));
  const several = [...versions].filter(([, found]) => found.size > 1);
  return { duplicates: several.map(([name, found]) => ({ package: name, versions: [...found].toSorted(compare) })) };
}

function compare(a, b) {
  return a.localeCompare(b, "en", { numeric: true });
}
