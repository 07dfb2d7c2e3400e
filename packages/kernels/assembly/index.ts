/** The exports: run a program of kernel calls in float32 or float64, up to the first one that ends it. */
import { dispatch } from "../build/dispatch";
import { operationBytes } from "./program";

export function runFloat32(program: usize, count: usize, registers: usize): void {
  for (let i: usize = 0; i < count; i++) {
    if (dispatch<f32>(program + i * operationBytes, registers)) return;
  }
}

export function runFloat64(program: usize, count: usize, registers: usize): void {
  for (let i: usize = 0; i < count; i++) {
    if (dispatch<f64>(program + i * operationBytes, registers)) return;
  }
}
