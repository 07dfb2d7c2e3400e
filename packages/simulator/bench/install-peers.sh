#!/bin/sh
# Installs the peers that bench/peers.py compares with, into a virtual environment outside of the repository.
# Usage: sh packages/simulator/bench/install-peers.sh FOLDER
set -eu
python3 -m venv "$1"
"$1/bin/pip" install --quiet pennylane==0.45.1 pennylane-lightning qulacs qiskit qiskit-aer qsimcirq
"$1/bin/pip" list --format=freeze | grep -i -E '^(pennylane|pennylane_lightning|qulacs|qiskit|qiskit-aer|qsimcirq|cirq-core|numpy)=='
