"""Reads circuits with the readers of others and writes the state vectors that their simulators give.

Input:  a JSON file, a list of {name, qubits, format, text}.
Output: one JSON document, a list of {name, format, re, im} or {name, format, error}; qubit 0 is the lowest bit of the index.
"""

import json
import os
import sys

import numpy as np


def run_qpanda3(text):
    from pyqpanda3 import core
    from pyqpanda3.intermediate_compiler import convert_originir_string_to_qprog

    machine = core.CPUQVM()
    machine.run(convert_originir_string_to_qprog(text), 1)
    return machine.result().get_state_vector()


def run_qiskit(circuit):
    from qiskit.quantum_info import Statevector

    return Statevector(circuit).data


def run_qasm2(text):
    from qiskit import QuantumCircuit

    return run_qiskit(QuantumCircuit.from_qasm_str(text))


def run_qasm3(text):
    from qiskit import qasm3

    return run_qiskit(qasm3.loads(text))


readers = {"originir": run_qpanda3, "qasm2": run_qasm2, "qasm3": run_qasm3}


def read(item):
    label = {"name": item["name"], "format": item["format"]}
    try:
        state = np.asarray(readers[item["format"]](item["text"]), dtype=complex)
        return {**label, "re": state.real.tolist(), "im": state.imag.tolist()}
    except Exception as error:  # every reader has exceptions of its own
        return {**label, "error": f"{type(error).__name__}: {error}"[:300]}


if __name__ == "__main__":
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # readers print on stdout
    with open(sys.argv[1], encoding="utf-8") as file:
        items = json.load(file)
    json.dump([read(item) for item in items], output)
