// What `esparse benchmark gemm --device cuda` says: JSON and a table.

import ESparseCUDA
import ESparseCore
import ESparseReport

/// One measured point on a device: a shape, a number of tokens and a pattern.
package struct DeviceGemmPoint: Sendable, Encodable {
    /// A kernel and its time.
    package struct Kernel: Sendable, Encodable {
        let name: String
        let seconds: Double
    }

    let shape: GemmShape
    let tokens: Int
    let pattern: SparsityPattern
    let denseSeconds: Double
    let denseBytes: Int
    let sparseBytes: (own: Int, compressed: Int)
    /// The kernel that a model runs.
    let chosen: String
    /// All kernels that can run the sparse weight.
    let kernels: [Kernel]
    /// Root mean square difference of any sparse kernel's result from the dense one, relative.
    let difference: Double

    /// Seconds of the kernel that a model runs.
    var sparseSeconds: Double { kernels.first { $0.name == chosen }?.seconds ?? .infinity }
    var speedup: Double { denseSeconds / sparseSeconds }

    private enum CodingKeys: String, CodingKey {
        case model, layer, rows, columns, tokens, pattern, kernels, speedup, difference
        case denseSeconds = "dense_seconds"
        case denseBytes = "dense_weight_bytes"
        case sparseKernel = "sparse_kernel"
        case sparseSeconds = "sparse_seconds"
        case sparseBytes = "sparse_weight_bytes"
        case compressedBytes = "cusparselt_weight_bytes"
    }

    /// Encodes the point as one object.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(shape.model, forKey: .model)
        try container.encode(shape.layer, forKey: .layer)
        try container.encode(shape.rows, forKey: .rows)
        try container.encode(shape.columns, forKey: .columns)
        try container.encode(tokens, forKey: .tokens)
        try container.encode(pattern, forKey: .pattern)
        try container.encode(chosen, forKey: .sparseKernel)
        try container.encode(sparseSeconds, forKey: .sparseSeconds)
        try container.encode(denseSeconds, forKey: .denseSeconds)
        try container.encode(speedup, forKey: .speedup)
        try container.encode(kernels, forKey: .kernels)
        try container.encode(denseBytes, forKey: .denseBytes)
        try container.encode(sparseBytes.own, forKey: .sparseBytes)
        try container.encode(sparseBytes.compressed, forKey: .compressedBytes)
        try container.encode(difference, forKey: .difference)
    }
}

/// The results of a run with the device they belong to.
package struct DeviceGemmReport: Sendable, Encodable {
    /// The device's name.
    package let device: String
    /// "bf16" or "f16".
    package let arithmetic: String
    /// Version of this tool.
    package let version: String
    /// What the device lacks, if anything.
    package let limitation: String?
    /// All points, in order of shape, pattern and tokens.
    package let results: [DeviceGemmPoint]
    private let memoryBytesPerSecond: Double

    private enum CodingKeys: String, CodingKey {
        case device, arithmetic, version, limitation, results
    }

    init(backend: CUDABackend, results: [DeviceGemmPoint]) {
        device = backend.device.properties.name
        arithmetic = backend.type.rawValue
        version = toolVersion
        limitation = backend.limitation
        memoryBytesPerSecond = backend.device.properties.memoryBytesPerSecond
        self.results = results
    }

    /// All points, one a row.
    package var text: String {
        var table = TextTable(
            header: [
                "linear", "shape", "tokens", "pattern", "kernel", "sparse ms", "dense ms", "speedup",
                "sparse TFLOP/s", "sparse GB/s", "other kernels ms",
            ])
        for point in results {
            let operations =
                2 * Double(point.shape.rows) * Double(point.shape.columns) * Double(point.tokens)
            let others = point.kernels.filter { $0.name != point.chosen }
            table.append([
                point.shape.model == "custom" ? "" : "\(point.shape.model) \(point.shape.layer)", point.shape.name,
                "\(point.tokens)", "\(point.pattern)", point.chosen, milliseconds(point.sparseSeconds),
                milliseconds(point.denseSeconds), Quantity.fixed(point.speedup, decimals: 2) + "x",
                Quantity.fixed(operations / point.sparseSeconds / 1e12, decimals: 1),
                Quantity.fixed(Double(point.sparseBytes.own) / point.sparseSeconds / 1e9, decimals: 0),
                others.map { "\($0.name) \(milliseconds($0.seconds))" }.joined(separator: ", "),
            ])
        }
        let bandwidth =
            memoryBytesPerSecond > 0
            ? ", memory of \(Quantity.fixed(memoryBytesPerSecond / 1e9, decimals: 0)) GB/s by its clock" : ""
        let note = limitation.map { "note: \($0)\n" } ?? ""
        return "\(device), \(arithmetic)\(bandwidth); the dense side is cuBLASLt\n\(note)\n" + table.plainText
    }

    private func milliseconds(_ seconds: Double) -> String { Quantity.fixed(seconds * 1000, decimals: 4) }
}
