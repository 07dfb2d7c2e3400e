"""Compiles OpenQASM 2 files with Qiskit for a square grid and prints one JSON object per file.

Times are processor time of all threads, so that other work on the machine matters little.

Usage: python compare-qiskit.py LEVEL ROWS COLS FILE...   (a virtual environment with `pip install qiskit`)
"""
import json
import sys
import time

import qiskit
from qiskit import QuantumCircuit, transpile
from qiskit.transpiler import CouplingMap


def main() -> None:
    level, rows, cols = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    edges = CouplingMap.from_grid(rows, cols)
    for path in sys.argv[4:]:
        circuit = QuantumCircuit.from_qasm_file(path)
        circuit.remove_final_measurements()
        start = time.process_time()
        out = transpile(
            circuit,
            coupling_map=edges,
            basis_gates=["u3", "cz"],
            optimization_level=level,
            seed_transpiler=1,
        )
        elapsed = time.process_time() - start
        print(
            json.dumps(
                {
                    "file": path,
                    "tool": f"qiskit {qiskit.__version__} level {level}",
                    "cz": out.count_ops().get("cz", 0),
                    "layers": out.depth(lambda gate: gate.operation.name in ("u3", "cz")),
                    "seconds": elapsed,
                }
            ),
            flush=True,
        )


main()
