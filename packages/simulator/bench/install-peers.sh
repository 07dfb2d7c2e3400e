#!/bin/sh
# Installs the peers that bench/peers.py compares with, into virtual environments outside of the repository: FOLDER/venv for
# state vectors and noise, FOLDER/torch for the quantum layer. TorchQuantum 0.1.8 wants old Qiskit parts beside it.
# Usage: [QTUNE_PYTHON=python3.11] sh packages/simulator/bench/install-peers.sh FOLDER
set -eu
python="${QTUNE_PYTHON:-python3}"
"$python" -m venv "$1/venv"
"$1/venv/bin/pip" install --quiet pennylane==0.45.1 pennylane-lightning==0.45.0 qulacs==0.6.14 qiskit==2.6.2 qiskit-aer==0.18.2 qsimcirq==0.22.1 cirq-core==1.7.0 stim==1.16.0
"$python" -m venv "$1/torch"
"$1/torch/bin/pip" install --quiet torch==2.15.0 pennylane==0.45.1 pennylane-lightning==0.45.0 torchquantum==0.1.8 qiskit-ibm-runtime==0.20.0 qiskit-aer==0.13.3 "setuptools<80"
for one in venv torch; do
  "$1/$one/bin/pip" list --format=freeze | grep -i -E '^(pennylane|pennylane_lightning|qulacs|qiskit|qiskit-aer|qsimcirq|cirq-core|stim|numpy|torch|torchquantum)=='
done
