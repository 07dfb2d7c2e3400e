"""Times the peers on the cases of qnn.bench.ts and state-vector.bench.ts; one JSON line per case.

Usage: FOLDER/bin/python peers.py qnn|state-vector THREADS [float32|float64] [n ...]
"""
import json
import math
import os
import sys
import time

threads = int(sys.argv[2])
os.environ["OMP_NUM_THREADS"] = str(threads)
import numpy as np  # noqa: E402


def best_of(call, seconds=0.7):
    """Returns the shortest wall time and the shortest processor time of a call, in ms."""
    call()
    best, best_cpu = math.inf, math.inf
    end = time.perf_counter() + seconds
    runs = 0
    while runs < 2 or time.perf_counter() < end:
        start, start_cpu = time.perf_counter(), time.process_time()
        call()
        best = min(best, time.perf_counter() - start)
        best_cpu = min(best_cpu, time.process_time() - start_cpu)
        runs += 1
    return {"ms": round(best * 1000, 4), "cpuMs": round(best_cpu * 1000, 4)}


def qnn():
    import pennylane as qml
    from pennylane import numpy as pnp

    def ring(n, L, x, w):
        at = 0
        for _ in range(L):
            for i in range(n):
                qml.RY(x[..., i], wires=i)
            for i in range(n):
                qml.CRZ(w[at + i], wires=[i, (i + 1) % n])
            at += n
            for i in range(n):
                qml.RY(w[at + i], wires=i)
            at += n
            for i in range(n):
                qml.CRZ(w[at + i], wires=[i, (i - 1) % n])
            at += n
            for i in range(n):
                qml.RY(w[at + i], wires=i)
            at += n
        return [qml.expval(qml.PauliZ(i)) for i in range(n)]

    sizes = [int(a) for a in sys.argv[4:]] or [4, 8]
    for n in sizes:
        for L, B in [(1, 64), (1, 512)]:
            x = pnp.array(np.cos(np.arange(B * n)).reshape(B, n), requires_grad=True)
            w = pnp.array(np.sin(np.arange(4 * n * L)), requires_grad=True)
            for device, method, batched in [("default.qubit", "backprop", True), ("lightning.qubit", "adjoint", False)]:
                if not batched and B > 64:
                    continue
                node = qml.QNode(lambda x, w: ring(n, L, x, w), qml.device(device, wires=n), diff_method=method, interface="autograd")
                if batched:
                    def loss(x, w):
                        return sum(pnp.sum(value) for value in node(x, w))
                else:
                    def loss(x, w):
                        return sum(sum(node(x[b], w)) for b in range(B))
                gradient = qml.grad(loss, argnums=[0, 1])
                row = {"bench": "qnn", "engine": device, "precision": "complex128", "threads": threads, "n": n, "L": L, "B": B}
                row["forward"] = best_of(lambda: loss(x, w))
                row["gradient"] = best_of(lambda: gradient(x, w))
                print(json.dumps(row), flush=True)


def gates(family, n):
    rng = np.random.default_rng(1)
    out = []
    if family == "ghz":
        out.append(("h", 0))
        out += [("cx", i, i + 1) for i in range(n - 1)]
    elif family == "qft":
        for i in range(n - 1, -1, -1):
            out.append(("h", i))
            out += [("cp", j, i, math.pi / 2 ** (i - j)) for j in range(i - 1, -1, -1)]
        out += [("swap", i, n - 1 - i) for i in range(n // 2)]
    else:
        for layer in range(20):
            out += [("u", i, *rng.uniform(0, 6, 3)) for i in range(n)]
            out += [("cx", i, i + 1) for i in range(layer % 2, n - 1, 2)]
    return out


def qulacs_run(family, n, _precision):
    from qulacs import QuantumCircuit, QuantumState

    circuit = QuantumCircuit(n)
    for gate in gates(family, n):
        if gate[0] == "h":
            circuit.add_H_gate(gate[1])
        elif gate[0] == "cx":
            circuit.add_CNOT_gate(gate[1], gate[2])
        elif gate[0] == "swap":
            circuit.add_SWAP_gate(gate[1], gate[2])
        elif gate[0] == "u":
            circuit.add_U3_gate(gate[1], gate[2], gate[3], gate[4])
        else:
            from qulacs.gate import DenseMatrix

            circuit.add_gate(DenseMatrix([gate[1], gate[2]], np.diag([1, 1, 1, np.exp(1j * gate[3])])))
    if family == "random":
        from qulacs.circuit import QuantumCircuitOptimizer

        QuantumCircuitOptimizer().optimize_light(circuit)
    state = QuantumState(n)

    def call():
        state.set_zero_state()
        circuit.update_quantum_state(state)

    return call


def aer_run(family, n, precision):
    from qiskit import QuantumCircuit, transpile
    from qiskit_aer import AerSimulator

    circuit = QuantumCircuit(n)
    for gate in gates(family, n):
        if gate[0] == "h":
            circuit.h(gate[1])
        elif gate[0] == "cx":
            circuit.cx(gate[1], gate[2])
        elif gate[0] == "swap":
            circuit.swap(gate[1], gate[2])
        elif gate[0] == "u":
            circuit.u(gate[2], gate[3], gate[4], gate[1])
        else:
            circuit.cp(gate[3], gate[1], gate[2])
    circuit.measure_all()
    simulator = AerSimulator(method="statevector", precision="single" if precision == "float32" else "double", max_parallel_threads=threads)
    return lambda: simulator.run(circuit, shots=1).result()


def qsim_run(family, n, _precision):
    import cirq
    import qsimcirq

    qubits = cirq.LineQubit.range(n)
    circuit = cirq.Circuit()
    for gate in gates(family, n):
        if gate[0] == "h":
            circuit.append(cirq.H(qubits[gate[1]]))
        elif gate[0] == "cx":
            circuit.append(cirq.CNOT(qubits[gate[1]], qubits[gate[2]]))
        elif gate[0] == "swap":
            circuit.append(cirq.SWAP(qubits[gate[1]], qubits[gate[2]]))
        elif gate[0] == "u":
            circuit.append(cirq.rz(gate[4])(qubits[gate[1]]))
            circuit.append(cirq.ry(gate[2])(qubits[gate[1]]))
            circuit.append(cirq.rz(gate[3])(qubits[gate[1]]))
        else:
            circuit.append(cirq.CZPowGate(exponent=gate[3] / math.pi)(qubits[gate[1]], qubits[gate[2]]))
    simulator = qsimcirq.QSimSimulator(qsimcirq.QSimOptions(cpu_threads=threads, max_fused_gate_size=3 if n < 22 else 4))
    # One amplitude is asked for: the time is that of the state vector, with cirq's own translation in it.
    return lambda: simulator.compute_amplitudes(circuit, bitstrings=[0])


def state_vector():
    precision = sys.argv[3] if len(sys.argv) > 3 else "float32"
    sizes = [int(a) for a in sys.argv[4:]] or [16, 20, 22]
    engines = {"qulacs": (qulacs_run, "float64"), "aer": (aer_run, precision), "qsim": (qsim_run, "float32")}
    for n in sizes:
        for family in ["ghz", "qft", "random"]:
            for name, (make, own) in engines.items():
                if own != precision:
                    continue
                print(json.dumps({"bench": family, "engine": name, "precision": own, "threads": threads, "n": n, **best_of(make(family, n, precision))}), flush=True)


{"qnn": qnn, "state-vector": state_vector}[sys.argv[1]]()
