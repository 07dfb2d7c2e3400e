/** The exports: run a program of kernel calls in float32 or float64. */
import { dispatch } from "../build/dispatch";
import { operationBytes } from "./program";

export function runFloat32(program: usize, count: usize, registers: usize): void {
  for (let i: usize = 0; i < count; i++) dispatch<f32>(program + i * operationBytes, registers);
}

export function runFloat64(program: usize, count: usize, registers: usize): void {
  for (let i: usize = 0; i < count; i++) dispatch<f64>(program + i * operationBytes, registers);
}
