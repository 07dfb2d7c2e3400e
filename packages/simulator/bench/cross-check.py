"""Answers what other simulators say, for src/cross-check.slow.test.ts: one JSON question on stdin, one JSON answer on stdout.

{"aer": [OpenQASM 2 text, ...]}                     -> probabilities by basis state, in the order of its index
{"stim": [{"text", "shots", "strings": [[qubit]]}]} -> mean of each product of measured bits as +1 and -1
"""
import json
import sys


def aer(texts):
    from qiskit import qasm2
    from qiskit_aer import AerSimulator

    from qiskit.circuit.library import get_standard_gate_name_mapping

    # Gates that the text names and qelib1.inc does not have.
    known = {one.name for one in qasm2.LEGACY_CUSTOM_INSTRUCTIONS}
    more = [
        qasm2.CustomInstruction(name, len(gate.params), gate.num_qubits, type(gate), builtin=True)
        for name, gate in get_standard_gate_name_mapping().items()
        if name not in known and type(gate).__name__.endswith("Gate")
    ]
    simulator = AerSimulator(method="statevector")
    answers = []
    for text in texts:
        circuit = qasm2.loads(text, custom_instructions=[*qasm2.LEGACY_CUSTOM_INSTRUCTIONS, *more]).decompose(reps=6)
        circuit.save_statevector()
        answers.append(simulator.run(circuit).result().get_statevector().probabilities().tolist())
    return answers


def stim(tasks):
    import numpy as np
    from stim import Circuit

    answers = []
    for task in tasks:
        bits = Circuit(task["text"]).compile_sampler(seed=1).sample(task["shots"])
        signs = 1 - 2 * bits.astype(np.int8)
        answers.append([float(np.prod(signs[:, string], axis=1).mean()) for string in task["strings"]])
    return answers


question = json.load(sys.stdin)
print(json.dumps({name: {"aer": aer, "stim": stim}[name](given) for name, given in question.items()}))
