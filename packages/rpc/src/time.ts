import type { googleProtobuf } from "@qtune/contracts";

/** Returns a duration message. Range: any finite number of milliseconds; negative ones become 0. */
export function durationFromMs(durationMs: number): googleProtobuf.Duration {
  const whole = Math.floor(Math.max(0, durationMs) / 1000);
  return {
    seconds: BigInt(whole),
    nanos: Math.round((Math.max(0, durationMs) - whole * 1000) * 1e6),
  };
}

/** Returns the milliseconds of a duration message, 0 for none. */
export function durationToMs(duration: googleProtobuf.Duration | undefined): number {
  if (duration === undefined) return 0;
  return Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}
