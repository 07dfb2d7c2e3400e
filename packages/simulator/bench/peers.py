"""Times the peers on the cases of the benchmarks in this folder; one JSON line per case.

Usage: FOLDER/bin/python peers.py qnn THREADS n L B [engine ...]
       FOLDER/bin/python peers.py state-vector THREADS float32|float64 family n [engine ...]
       FOLDER/bin/python peers.py noisy THREADS
Families: ghz, qft, random, qv, gate (one gate on the highest qubit of a full state; qulacs and lightning only).
Engines of qnn: default.qubit, torchquantum, lightning.qubit; of state-vector: qulacs, aer, qsim, lightning.
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
    """Returns the shortest wall time and the shortest processor time of a call, in ms. A call of over 3 s is timed once."""
    best, best_cpu = math.inf, math.inf
    end, runs = None, 0
    while end is None or runs < 3 or time.perf_counter() < end:
        start, start_cpu = time.perf_counter(), time.process_time()
        call()
        took = time.perf_counter() - start
        if end is None and took < 3:
            end = time.perf_counter() + seconds  # the first call was the warm-up
            continue
        best = min(best, took)
        best_cpu = min(best_cpu, time.process_time() - start_cpu)
        runs += 1
        if took >= 3 or (took >= 1 and runs >= 2):
            break
    return {"ms": round(best * 1000, 4), "cpuMs": round(best_cpu * 1000, 4), "runs": runs}


def qnn():
    import torch

    torch.set_num_threads(threads)
    n, L, B = (int(a) for a in sys.argv[3:6])
    wanted = sys.argv[6:] or ["default.qubit", "torchquantum", "lightning.qubit"]
    inputs = torch.cos(torch.arange(B * n, dtype=torch.float64)).reshape(B, n)
    weights = torch.sin(torch.arange(4 * n * L, dtype=torch.float64))

    def ring(ry, crz, x, w):
        at = 0
        for _ in range(L):
            for i in range(n):
                ry(i, x[i])
            for i in range(n):
                crz(i, (i + 1) % n, w[at + i])
            at += n
            for i in range(n):
                ry(i, w[at + i])
            at += n
            for i in range(n):
                crz(i, (i - 1) % n, w[at + i])
            at += n
            for i in range(n):
                ry(i, w[at + i])
            at += n

    def pennylane(device, method):
        import pennylane as qml

        @qml.qnode(qml.device(device, wires=n), interface="torch", diff_method=method)
        def node(x, w):
            columns = [x[..., i] for i in range(n)]
            ring(lambda i, angle: qml.RY(angle, wires=i), lambda i, j, angle: qml.CRZ(angle, wires=[i, j]), columns, w)
            return [qml.expval(qml.PauliZ(i)) for i in range(n)]

        return node

    def default_qubit(x, w):
        return torch.stack(nodes["default.qubit"](x, w), dim=-1)

    def lightning(x, w):
        # Adjoint differentiation takes one row at a time; PennyLane itself expands a batch to this loop.
        return torch.stack([torch.stack(nodes["lightning.qubit"](row, w)) for row in x])

    def torchquantum(x, w):
        import torchquantum as tq
        import torchquantum.functional as tqf

        device = tq.QuantumDevice(n_wires=n, bsz=B)
        row = lambda angle: angle.reshape(-1, 1).expand(B, 1)
        ring(
            lambda i, angle: tqf.ry(device, wires=i, params=row(angle)),
            lambda i, j, angle: tqf.crz(device, wires=[i, j], params=row(angle)),
            [x[:, i] for i in range(n)],
            w,
        )
        return tq.MeasureAll(tq.PauliZ)(device)

    nodes = {}
    for name in wanted:
        if name == "torchquantum":
            forward, dtype, precision = torchquantum, torch.float32, "complex64"
        else:
            nodes[name] = pennylane(name, "backprop" if name == "default.qubit" else "adjoint")
            forward, dtype, precision = (default_qubit if name == "default.qubit" else lightning), torch.float64, "complex128"

        def gradient():
            x, w = inputs.to(dtype, copy=True).requires_grad_(), weights.to(dtype, copy=True).requires_grad_()
            forward(x, w).sum().backward()
            return x.grad, w.grad

        row = {"bench": "qnn", "engine": name, "precision": precision, "threads": threads, "n": n, "L": L, "B": B}
        check = forward(inputs[:B].to(dtype), weights.to(dtype)).sum().item()
        row["sum"] = round(check, 3)
        row["gradient"] = best_of(gradient)
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
    elif family == "qv":
        for _ in range(n):
            order = rng.permutation(n)
            for i in range(0, n - 1, 2):
                z = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
                q, r = np.linalg.qr(z)
                out.append(("su4", int(order[i]), int(order[i + 1]), q * (np.diag(r) / abs(np.diag(r)))))
    else:
        for layer in range(20):
            out += [("u", i, *rng.uniform(0, 6, 3)) for i in range(n)]
            out += [("cx", i, i + 1) for i in range(layer % 2, n - 1, 2)]
    return out


def qulacs_run(family, n, _precision):
    from qulacs import QuantumCircuit, QuantumState

    if family == "gate":
        from qulacs.gate import H

        full, gate = QuantumState(n), H(n - 1)
        full.set_Haar_random_state(1)
        return lambda: gate.update_quantum_state(full)
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
        elif gate[0] == "su4":
            from qulacs.gate import DenseMatrix

            circuit.add_gate(DenseMatrix([gate[1], gate[2]], gate[3]))
        else:
            from qulacs.gate import DenseMatrix

            circuit.add_gate(DenseMatrix([gate[1], gate[2]], np.diag([1, 1, 1, np.exp(1j * gate[3])])))
    if family in ("random", "qv"):
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
        elif gate[0] == "su4":
            circuit.unitary(gate[3], [gate[1], gate[2]])
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
        elif gate[0] == "su4":
            circuit.append(cirq.MatrixGate(gate[3])(qubits[gate[2]], qubits[gate[1]]))
        else:
            circuit.append(cirq.CZPowGate(exponent=gate[3] / math.pi)(qubits[gate[1]], qubits[gate[2]]))
    simulator = qsimcirq.QSimSimulator(qsimcirq.QSimOptions(cpu_threads=threads, max_fused_gate_size=3 if n < 22 else 4))
    # One amplitude is asked for: the time is that of the state vector, with cirq's own translation in it.
    return lambda: simulator.compute_amplitudes(circuit, bitstrings=[0])


def lightning_run(family, n, precision):
    import pennylane as qml

    if family == "gate":
        from pennylane_lightning import lightning_qubit_ops as ops

        full = (ops.StateVectorC64 if precision == "float32" else ops.StateVectorC128)(n)
        for wire in range(n):
            full.Hadamard([wire], False, [])
        # PennyLane counts wires from the most significant bit.
        return lambda: full.Hadamard([0], False, [])
    device = qml.device("lightning.qubit", wires=n, c_dtype=np.complex64 if precision == "float32" else np.complex128)
    operations = []
    for gate in gates(family, n):
        if gate[0] == "h":
            operations.append(qml.Hadamard(gate[1]))
        elif gate[0] == "cx":
            operations.append(qml.CNOT([gate[1], gate[2]]))
        elif gate[0] == "swap":
            operations.append(qml.SWAP([gate[1], gate[2]]))
        elif gate[0] == "u":
            operations += [qml.RZ(gate[4], gate[1]), qml.RY(gate[2], gate[1]), qml.RZ(gate[3], gate[1])]
        elif gate[0] == "su4":
            operations.append(qml.QubitUnitary(gate[3], [gate[2], gate[1]]))
        else:
            operations.append(qml.ControlledPhaseShift(gate[3], [gate[1], gate[2]]))
    tape = qml.tape.QuantumScript(operations, [qml.expval(qml.PauliZ(0))])
    return lambda: device.execute(tape)


def state_vector():
    precision, family, n = sys.argv[3], sys.argv[4], int(sys.argv[5])
    engines = {"qulacs": (qulacs_run, "float64"), "aer": (aer_run, precision), "qsim": (qsim_run, "float32"), "lightning": (lightning_run, precision)}
    for name, (make, own) in engines.items():
        if own != precision or (len(sys.argv) > 6 and name not in sys.argv[6:]):
            continue
        if family == "gate" and name not in ("qulacs", "lightning"):
            continue
        row = {"bench": family, "engine": name, "precision": own, "threads": threads, "n": n}
        print(json.dumps({**row, **best_of(make(family, n, precision))}), flush=True)


def noisy():
    """Ten qubits, depth 20, 1,000 shots: depolarising errors after every gate, relaxation on every qubit and layer, readout errors."""
    from qiskit import QuantumCircuit
    from qiskit_aer import AerSimulator
    from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error, thermal_relaxation_error

    n, rng = 10, np.random.default_rng(2)
    circuit = QuantumCircuit(n)
    for layer in range(20):
        for i in range(n):
            circuit.u(*rng.uniform(0, 6, 3), i)
        for i in range(layer % 2, n - 1, 2):
            circuit.cz(i, i + 1)
    circuit.measure_all()
    model = NoiseModel()
    relaxation = thermal_relaxation_error(30_000, 20_000, 60)
    model.add_all_qubit_quantum_error(depolarizing_error(0.001, 1).compose(relaxation), ["u"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.01, 2), ["cz"])
    model.add_all_qubit_readout_error(ReadoutError([[0.98, 0.02], [0.05, 0.95]]))
    for method in ["automatic", "statevector", "density_matrix"]:
        simulator = AerSimulator(method=method, noise_model=model, max_parallel_threads=threads)
        timing = best_of(lambda: simulator.run(circuit, shots=1000).result())
        print(json.dumps({"bench": "noisy", "engine": f"aer {method}", "threads": threads, "n": n, "shots": 1000, **timing}), flush=True)


{"qnn": qnn, "state-vector": state_vector, "noisy": noisy}[sys.argv[1]]()
