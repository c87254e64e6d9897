// Runs a rewritten model: node classify.js MODEL INPUT.f32
//
// INPUT.f32 holds float32 samples one after the other. onnxruntime-node takes no custom-op library,
// so the portable bodies in the model run; they give the same bytes as the library's kernels.

"use strict";

const fs = require("node:fs");
const ort = require("onnxruntime-node");

function readSamples(path) {
  const bytes = fs.readFileSync(path);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

// The shape of the model's input, its open batch size filled in.
function inputShape(session, floats) {
  const shape = session.inputMetadata[0].shape.slice();
  const sample = shape.slice(1).reduce((product, size) => product * size, 1);
  if (!(floats > 0) || floats % sample !== 0) {
    throw new Error("the input holds no whole number of samples");
  }
  if (typeof shape[0] !== "number" || shape[0] <= 0) shape[0] = floats / sample;
  return shape;
}

// One line for each sample: its class, then its scores.
function print(output) {
  const classes = output.data.length / output.dims[0];
  for (let start = 0; start < output.data.length; start += classes) {
    const scores = Array.from(output.data.subarray(start, start + classes));
    console.log([scores.indexOf(Math.max(...scores)), ...scores].join(" "));
  }
}

async function main(model, input) {
  const session = await ort.InferenceSession.create(model);
  const values = readSamples(input);
  const tensor = new ort.Tensor("float32", values, inputShape(session, values.length));
  const outputs = await session.run({ [session.inputNames[0]]: tensor });
  print(outputs[session.outputNames[0]]);
}

if (process.argv.length !== 4) {
  console.error("usage: node classify.js MODEL INPUT.f32");
  process.exitCode = 2;
} else {
  main(process.argv[2], process.argv[3]).catch((error) => {
    console.error(`error: ${error.message}`);
    process.exitCode = 1;
  });
}
