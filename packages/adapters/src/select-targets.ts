import { type Issue, QtuneError, suggest } from "@qtune/base";
import type { AdapterConfig } from "./adapter-config.ts";
import type { AdapterSite } from "./site.ts";

/**
 * Selects the linear modules that a configuration adapts.
 *
 * Effect: a list of names matches the ends of paths, a string is a regular expression over the whole path, `all-linear`
 *         takes every module.
 * Errors: invalid_argument when a name, a pattern or a layer matches nothing; every one is listed, with its nearest name.
 */
export function selectTargets(
  sites: readonly AdapterSite[],
  config: Pick<AdapterConfig, "targets" | "layers" | "classicalLayers">,
): readonly AdapterSite[] {
  const issues: Issue[] = [];
  const layers = new Set(sites.map((site) => site.layer));
  for (const key of ["layers", "classicalLayers"] as const) {
    for (const layer of config[key] ?? []) {
      if (layers.has(layer)) continue;
      const expected = `a layer from 0 to ${Math.max(...layers)}`;
      issues.push({ where: `adapter.${key}`, expected, given: String(layer) });
    }
  }
  const selected = new Set<AdapterSite>();
  for (const target of patternsOf(config.targets)) {
    const matches = sites.filter((site) => target.matches(site.path));
    matches.forEach((site) => selected.add(site));
    if (matches.length > 0) continue;
    const names = [...new Set(sites.map((site) => site.module))];
    const near = suggest(target.text, names);
    issues.push({
      where: "adapter.targets",
      expected: `a linear module of this model (${names.join(", ")})`,
      given: target.text,
      ...(near === undefined ? {} : { hint: `did you mean ${near}?` }),
    });
  }
  if (issues.length > 0) throw QtuneError.fromIssues(issues);
  const wanted = config.layers === undefined ? undefined : new Set(config.layers);
  return sites.filter((site) => selected.has(site) && (wanted?.has(site.layer) ?? true));
}

interface TargetPattern {
  readonly text: string;
  matches(path: string): boolean;
}

function patternsOf(targets: AdapterConfig["targets"]): readonly TargetPattern[] {
  if (targets === "all-linear") return [{ text: targets, matches: () => true }];
  if (typeof targets === "string") {
    const expression = parsePattern(targets);
    return [{ text: targets, matches: (path) => expression.test(path) }];
  }
  return targets.map((name) => ({
    text: name,
    matches: (path) => path === name || path.endsWith(`.${name}`),
  }));
}

function parsePattern(text: string): RegExp {
  try {
    return new RegExp(`^(?:${text})$`);
  } catch (cause) {
    throw new QtuneError(
      "invalid_argument",
      `expected a list of module names, all-linear or a regular expression but was given ${text}`,
      { where: "adapter.targets", cause },
    );
  }
}
