#!/usr/bin/env bash
# Installs a source distribution where no compiler can be found, and optimises the shipped LeNet-5.
#
#   bash tests/packaging/without_compiler.sh dist/hawx_onnx-*.tar.gz
set -euo pipefail

sources=$(realpath "$1")
python=$(command -v "${PYTHON:-python3}")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

# A PATH of few programs, none of which compiles.
mkdir "$place/programs"
for program in bash env uname rm mkdir ls cat; do
  ln -s "$(command -v "$program")" "$place/programs/$program"
done
"$python" -m venv "$place/venv"
export PATH="$place/venv/bin:$place/programs"
unset CC CXX CMAKE_GENERATOR CMAKE_ARGS HAWX_ONNX_LIBRARY VIRTUAL_ENV
if command -v c++ g++ clang++ cc gcc clang cl; then
  echo "there is a compiler on PATH after all" >&2
  exit 1
fi

pip install --disable-pip-version-check --no-cache-dir "$sources"
cd "$place"
status=0
hawx-onnx doctor >doctor.txt 2>&1 || status=$?
cat doctor.txt
[[ $status == 4 ]] || { echo "doctor ends with $status, not 4" >&2; exit 1; }

lenet=$(python -c 'import hawx_onnx.models as m; print(m.reference("lenet5").path)')
hawx-onnx optimize "$lenet" -o out --max-evaluations 8 >optimize.txt 2>&1 ||
  { cat optimize.txt; exit 1; }
cat optimize.txt
[[ $(<optimize.txt) == *"custom-op library is not installed"* ]]
[[ $(hawx-onnx evaluate out/model.onnx --data digits --json 2>/dev/null) == *'"path": "portable"'* ]]
echo "without a compiler: all well"
