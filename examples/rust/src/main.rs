//! Runs a rewritten model: cargo run -- MODEL INPUT.f32 [LIBRARY]
//!
//! INPUT.f32 holds float32 samples one after the other. With LIBRARY, the path of the custom-op
//! library, its kernels run; without, the portable bodies in the model. Both give the same bytes.

use std::env;
use std::fs;
use std::process::ExitCode;

use ort::session::Session;
use ort::value::Tensor;

fn read_samples(path: &str) -> ort::Result<Vec<f32>> {
    let bytes = fs::read(path).map_err(|error| ort::Error::new(format!("{path}: {error}")))?;
    let words = bytes.chunks_exact(4);
    Ok(words
        .map(|word| f32::from_le_bytes([word[0], word[1], word[2], word[3]]))
        .collect())
}

fn open_model(model: &str, library: Option<&String>) -> ort::Result<Session> {
    let mut builder = Session::builder()?;
    if let Some(path) = library {
        // onnxruntime loads the library and keeps it as long as it is needed.
        builder = builder.with_operator_library(path)?;
    }
    builder.commit_from_file(model)
}

/// The shape of the model's input, its open batch size filled in.
fn input_shape(session: &Session, floats: usize) -> ort::Result<Vec<i64>> {
    let known = session.inputs()[0].dtype().tensor_shape();
    let mut shape = known.map(|sizes| sizes.to_vec()).unwrap_or_default();
    let sample: i64 = shape.iter().skip(1).product();
    if shape.is_empty() || sample <= 0 || floats == 0 || floats as i64 % sample != 0 {
        return Err(ort::Error::new(
            "the input holds no whole number of samples",
        ));
    }
    if shape[0] <= 0 {
        shape[0] = floats as i64 / sample;
    }
    Ok(shape)
}

/// One line for each sample: its class, then its scores.
fn print(scores: &[f32], samples: usize) {
    for row in scores.chunks(scores.len() / samples) {
        let best = (0..row.len()).fold(0, |best, at| if row[at] > row[best] { at } else { best });
        let words: Vec<String> = row.iter().map(f32::to_string).collect();
        println!("{best} {}", words.join(" "));
    }
}

fn classify(model: &str, input: &str, library: Option<&String>) -> ort::Result<()> {
    let values = read_samples(input)?;
    let mut session = open_model(model, library)?;
    let shape = input_shape(&session, values.len())?;
    let outputs = session.run(ort::inputs![Tensor::from_array((shape, values))?])?;
    let (shape, scores) = outputs[0].try_extract_tensor::<f32>()?;
    print(scores, shape[0] as usize);
    Ok(())
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    if words.len() < 2 || words.len() > 3 {
        eprintln!("usage: classify MODEL INPUT.f32 [LIBRARY]");
        return ExitCode::from(2);
    }
    match classify(&words[0], &words[1], words.get(2)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
