/** Scopes of tokens, and the scope that each method needs: reading methods by name, the rest by service. */
export const scopes = [
  "device.read",
  "device.run",
  "simulator.run",
  "layer.run",
  "training.read",
  "training.run",
] as const;

/** One of {@link scopes}. */
export type Scope = (typeof scopes)[number];

/** Tells whether a string names a scope. */
export function isScope(value: string): value is Scope {
  return scopes.some((scope) => scope === value);
}

const serviceScopes: Readonly<Record<string, { readonly read: Scope; readonly run: Scope }>> = {
  "qtune.device.v1.DeviceService": { read: "device.read", run: "device.run" },
  "qtune.simulator.v1.SimulatorService": { read: "simulator.run", run: "simulator.run" },
  "qtune.layer.v1.QuantumLayerService": { read: "layer.run", run: "layer.run" },
  "qtune.training.v1.TrainerService": { read: "training.read", run: "training.run" },
  "qtune.training.v1.TrainingSessionService": { read: "training.read", run: "training.run" },
};

const readingVerbs = /^(Get|List|Watch|Describe|Download|Estimate|Preview|Validate)/;

/** Returns the scope that a method needs; a service that is not in the table needs `training.run`, the widest. */
export function scopeOf(method: string): Scope {
  const [, service = "", name = ""] = method.split("/");
  const row = serviceScopes[service] ?? { read: "training.run", run: "training.run" };
  return readingVerbs.test(name) ? row.read : row.run;
}
