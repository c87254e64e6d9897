// Runs a rewritten model: dotnet run -- MODEL INPUT.f32 [LIBRARY]
//
// INPUT.f32 holds float32 samples one after the other. With LIBRARY, the path of the custom-op
// library, its kernels run; without, the portable bodies in the model. Both give the same bytes.

using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

if (args.Length is < 2 or > 3)
{
    Console.Error.WriteLine("usage: classify MODEL INPUT.f32 [LIBRARY]");
    return 2;
}

using var options = new SessionOptions();
if (args.Length == 3)
{
    // onnxruntime loads the library and keeps it as long as it is needed.
    options.RegisterCustomOpLibrary(args[2]);
}

using var session = new InferenceSession(args[0], options);
var values = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(args[1])).ToArray();
var (name, metadata) = session.InputMetadata.First();
var shape = metadata.Dimensions.Select(size => (long)size).ToArray();
var sample = shape.Skip(1).Aggregate(1L, (product, size) => product * size);
if (sample <= 0 || values.Length == 0 || values.Length % sample != 0)
{
    Console.Error.WriteLine("error: the input holds no whole number of samples");
    return 1;
}

// The open batch size is filled in.
shape[0] = shape[0] > 0 ? shape[0] : values.Length / sample;
using var input = OrtValue.CreateTensorValueFromMemory(values, shape);
using var run = new RunOptions();
using var outputs = session.Run(run, new[] { name }, new[] { input }, new[] { session.OutputNames[0] });

// One line for each sample: its class, then its scores.
var output = outputs.First();
var scores = output.GetTensorDataAsSpan<float>();
var classes = scores.Length / (int)output.GetTensorTypeAndShape().Shape[0];
for (var start = 0; start < scores.Length; start += classes)
{
    var row = scores.Slice(start, classes).ToArray();
    var words = row.Select(score => score.ToString("G9", CultureInfo.InvariantCulture));
    Console.WriteLine($"{Array.IndexOf(row, row.Max())} {string.Join(' ', words)}");
}

return 0;
